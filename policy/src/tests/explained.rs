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
