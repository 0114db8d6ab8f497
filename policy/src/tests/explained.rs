//! Explanations.

use std::collections::BTreeSet;

use kernel::Embargo;

use super::*;

const DAY_MS: i64 = 86_400_000;

fn explain(case: &Case, sources: &[Arc<Source>]) -> Explanation {
    let mut found = None;
    let policies = Policies { lake: sources, ..Policies::default() };
    case.put(&Caller::anonymous(), Action::GetObject, |question| {
        found = Some(Judge::default().explain(question, &policies))
    });
    found.expect("explained")
}

fn cedar(text: &str) -> [Arc<Source>; 1] {
    [Arc::new(Source::cedar("set", text).expect(text))]
}

const OPEN: &str =
    r#"@id("open") @reason("all may read") permit (principal, action in Lake::Action::"read", resource);"#;

#[test]
fn an_explanation_says_who_decides_and_until_when() {
    let mut case = Case::new();
    let now = case.now.as_millis();
    let at = |ms: i64| Some(Timestamp::from_millis(now + ms));
    let open = explain(&case, &cedar(OPEN));
    assert!(open.outcome.is_ok());
    assert_eq!(open.changes_at, None);
    let policy =
        Deciding { policy: "set#open".to_owned(), reason: "all may read".to_owned(), forbids: false, side: "lake" };
    assert_eq!(open.deciding, [policy]);
    let shut = explain(&case, &[]);
    assert_eq!((shut.outcome.is_ok(), shut.deciding.len(), shut.changes_at), (false, 0, None));

    case.protection.embargo =
        Some(Embargo { until: Timestamp::from_millis(now + 5 * DAY_MS), readers: BTreeSet::new(), lift: None });
    let closed = explain(&case, &cedar(OPEN));
    assert_eq!(closed.deciding.iter().map(|policy| &*policy.policy).collect::<Vec<_>>(), ["lake#embargo.closed"]);
    assert_eq!(closed.changes_at, at(5 * DAY_MS));
    // It opens nothing that nobody is let into.
    assert_eq!(explain(&case, &[]).changes_at, None);
}

#[test]
fn dates_and_durations_in_policies_are_foreseen() {
    let case = Case::new();
    let at = |ms: i64| Some(Timestamp::from_millis(case.now.as_millis() + ms));
    for (condition, allowed, changes_at) in [
        (r#"context.now < resource.createdAt.offset(duration("90d"))"#, true, at(90 * DAY_MS)),
        (r#"context.now >= resource.createdAt.offset(duration("1d12h"))"#, false, at(DAY_MS + DAY_MS / 2)),
        (r#"context.now >= datetime("2026-11-22")"#, false, at(DAY_MS)),
        (r#"context.now <= datetime("2026-11-22T00:00:00Z")"#, true, at(DAY_MS + 1)),
        (r#"context.now >= datetime("2026-11-20")"#, true, None),
    ] {
        let text = format!(
            "permit (principal, action in Lake::Action::\"read\", resource is Lake::Object) when {{ {condition} }};"
        );
        let found = explain(&case, &cedar(&text));
        assert_eq!((found.outcome.is_ok(), found.changes_at), (allowed, changes_at), "{condition}");
    }
    for (condition, allowed, changes_at) in [
        (r#"{"DateLessThan":{"aws:CurrentTime":"2026-11-22T00:00:00Z"}}"#, true, at(DAY_MS)),
        (r#"{"DateGreaterThanIfExists":{"aws:CurrentTime":"2026-11-22T00:00:00Z"}}"#, false, at(DAY_MS + 1_000)),
        (r#"{"NumericGreaterThanEquals":{"aws:EpochTime":"1795305600"}}"#, false, at(DAY_MS)),
    ] {
        let json = statement("Allow", r#""s3:GetObject""#, r#""*""#, &format!(",\"Condition\":{condition}"));
        let found = explain(&case, &[iam(&json).expect(condition)]);
        assert_eq!((found.outcome.is_ok(), found.changes_at), (allowed, changes_at), "{condition}");
    }
}

#[test]
fn without_the_policies_that_are_named_the_answer_is_another() {
    let read = r#"principal, action in Lake::Action::"read", resource is Lake::Object"#;
    let policies = [
        format!("permit ({read});"),
        format!("permit ({read}) when {{ resource.size < 1000000000 }};"),
        format!("permit ({read}) when {{ context.now < datetime(\"1990-01-01\") }};"),
        format!("forbid ({read}) when {{ resource.key like \"*\" }};"),
        format!("forbid ({read}) unless {{ context.secureTransport || !context.secureTransport }};"),
        format!("forbid ({read}) when {{ context.now > datetime(\"1990-01-01\") }};"),
        "permit (principal, action in Lake::Action::\"write\", resource);".to_owned(),
    ];
    let case = Case::new();
    let set = |chosen: &dyn Fn(usize) -> bool| {
        let some = policies.iter().enumerate().filter(|(number, _)| chosen(*number));
        cedar(&some.map(|(number, text)| format!("@id(\"{number}\") {text}\n")).collect::<String>())
    };
    let names =
        |found: &Explanation| found.deciding.iter().map(|policy| policy.policy.clone()).collect::<BTreeSet<String>>();
    for chosen in 0..1_u32 << policies.len() {
        let is_chosen = |number: usize| chosen & (1 << number) != 0;
        let whole = explain(&case, &set(&is_chosen));
        let named = names(&whole);
        let is_named = |number: usize| named.contains(&format!("set#{number}"));
        // Exactly those that hold and decide.
        let holding: &[usize] = if is_chosen(3) || is_chosen(5) { &[3, 5] } else { &[0, 1] };
        let expected = holding.iter().filter(|number| is_chosen(**number)).map(|number| format!("set#{number}"));
        assert_eq!(named, expected.collect(), "{chosen:b}");
        let without = explain(&case, &set(&|number| is_chosen(number) && !is_named(number)));
        let (was, is) = (whole.outcome.is_ok(), without.outcome.is_ok());
        let is_permitted = is_chosen(0) || is_chosen(1);
        match named.is_empty() {
            true => assert_eq!(was, is, "{chosen:b}"),
            false if was => assert!(!is, "{chosen:b}"),
            false => assert_eq!(is, is_permitted, "{chosen:b}: what forbade is gone"),
        }
        assert!(named.is_disjoint(&names(&without)), "{chosen:b}");
    }
}
