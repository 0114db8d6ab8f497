//! How deep a text may be.
//!
//! Policies become trees, and what walks a tree takes stack: a text that nests without end would end the program that reads
//! it, and one that Cedar's validator gives up on would be taken without being understood. So the text is looked at, before
//! anything else does, for what makes trees deep. What is found may be shallower than it looks, never deeper.

use crate::schema::Fault;

/// Brackets inside one another.
const NESTING_MAX: usize = 32;
/// Connectives, operators of arithmetic and conditionals of one policy: each may stand for a level of its tree. Measured: 300
/// are walked within the 2 MiB of a worker's stack, 400 are not.
const CONNECTIVES_MAX: usize = 100;
/// Dots of one policy: attributes of attributes are levels too.
const DOTS_MAX: usize = 500;

/// What has been seen of the policy that is being looked at.
#[derive(Default)]
struct Seen {
    /// What closes the brackets that are open.
    open: Vec<&'static str>,
    connectives: usize,
    dots: usize,
}

/// Refuses a text that is too deep.
pub(crate) fn expect_shallow(text: &str) -> Result<(), Fault> {
    let mut seen = Seen::default();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '"' => string_bytes(rest),
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            _ if first.is_ascii_alphabetic() || first == '_' => {
                rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())
            }
            _ if rest.starts_with("&&") || rest.starts_with("||") => 2,
            _ => first.len_utf8(),
        };
        let (token, behind) = rest.split_at_checked(taken).unwrap_or((rest, ""));
        if let Some(reason) = seen.take(token) {
            return Err(Fault { at: Some(text.len() - rest.len()), reason });
        }
        rest = behind;
    }
    Ok(())
}

impl Seen {
    /// What is too much with this token, if anything.
    fn take(&mut self, token: &str) -> Option<String> {
        match token {
            "(" => self.open.push(")"),
            "[" => self.open.push("]"),
            "{" => self.open.push("}"),
            // A parser that goes on behind a mistake would nest deeper than what is counted here.
            ")" | "]" | "}" if self.open.pop() != Some(token) => return Some(format!("`{token}` closes nothing")),
            "&&" | "||" | "+" | "-" | "*" | "if" | "when" | "unless" => self.connectives += 1,
            "." => self.dots += 1,
            ";" if self.open.is_empty() => *self = Self::default(),
            _ => {}
        }
        if self.open.len() > NESTING_MAX {
            return Some(format!("brackets nest deeper than {NESTING_MAX}"));
        }
        if self.connectives > CONNECTIVES_MAX {
            return Some(format!(
                "the policy has more than {CONNECTIVES_MAX} of `&&`, `||`, `+`, `-`, `*`, `if`, `when` and `unless`: part it in several"
            ));
        }
        (self.dots > DOTS_MAX).then(|| format!("the policy has more than {DOTS_MAX} dots: part it in several"))
    }
}

/// Bytes of the string that a text begins with, its quotes included; all of it where it does not end.
fn string_bytes(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Tests joined by an operator, so that many make no deep tree.
pub(crate) fn joined(tests: &[String], operator: &str) -> String {
    /// So many stand in a row, where people read them.
    const ROW_MAX: usize = 8;
    match tests.split_at_checked(tests.len() / 2) {
        Some((left, right)) if tests.len() > ROW_MAX => {
            format!("({}) {operator} ({})", joined(left, operator), joined(right, operator))
        }
        _ => tests.join(&format!(" {operator} ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;

    fn policy(condition: &str) -> String {
        format!("permit (principal, action, resource) when {{ {condition} }};\n")
    }

    #[test]
    fn what_is_too_deep_is_refused_at_its_place() {
        for (text, at) in [
            (policy(&format!("{}true{}", "(".repeat(100_000), ")".repeat(100_000))), Some(75)),
            (policy(&format!("{}1{} == 1", "[".repeat(32), "]".repeat(32))), Some(75)),
            (policy(&format!("{}1{} == 1", "{a:".repeat(40), "}".repeat(40))), Some(44 + 31 * 3)),
            (policy(&vec!["true"; 101].join(" && ")), Some(44 + 99 * 8 + 5)),
            (policy(&vec!["true"; 100].join(" && ")), None),
            (policy(&vec!["true"; 60].join(" || ")).repeat(3), None),
            (policy(&format!("\"{}\" == \"\\\"((((\" // {}\n", "(".repeat(99), "(".repeat(99))), None),
            (policy(&format!("context{}", ".a".repeat(501))), Some(44 + 7 + 1_000)),
            ("permit (principal, action, resource];".to_owned(), Some(35)),
        ] {
            let found = expect_shallow(&text);
            assert_eq!(found.as_ref().err().and_then(|fault| fault.at), at, "{found:?} {:.80}", text);
        }
    }

    #[test]
    fn the_deepest_that_is_taken_is_walked_on_a_small_stack() {
        let deepest = format!("{}resource.size > 0{}", "(".repeat(30), ")".repeat(30));
        let chain = (0..90).map(|n| format!("resource.size != {n}")).collect::<Vec<_>>();
        let ifs = format!("{}resource.size > 1{}", "if resource.size > 5 then ".repeat(60), " else false".repeat(60));
        for condition in [deepest, chain.join(" && "), chain.join(" || "), ifs] {
            let text = format!("permit (principal, action, resource is Lake::Object) when {{ {condition} }};");
            let walked = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
                let source = Source::cedar("deep", &text).map(std::sync::Arc::new);
                source.map(|source| crate::Sight::of(&[source]))
            });
            let walked = walked.expect("a thread").join().expect("no overflow");
            assert!(walked.is_ok(), "{walked:?}");
        }
    }

    #[test]
    fn many_tests_make_no_deep_text() {
        let tests: Vec<String> = (0..1_000).map(|n| format!("t{n}")).collect();
        let text = joined(&tests, "||");
        assert_eq!(text.matches("||").count(), 999);
        let depth = text.chars().scan(0_i32, |depth, c| {
            *depth += i32::from(c == '(') - i32::from(c == ')');
            Some(*depth)
        });
        assert!(depth.max() <= Some(8));
        assert_eq!(joined(&tests[..2], "&&"), "t0 && t1");
    }
}
