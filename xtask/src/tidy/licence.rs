//! Licence expressions of SPDX, and the slash that old manifests write for OR.

/// Whether the expression can be satisfied with these licences alone. What is no expression cannot.
pub(super) fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut tokens = spaced.split_whitespace().peekable();
    any(&mut tokens, allowed).unwrap_or(false) && tokens.next().is_none()
}

type Tokens<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any(tokens: &mut Tokens<'_>, allowed: &[String]) -> Option<bool> {
    let mut satisfied = all(tokens, allowed)?;
    while tokens.next_if_eq(&"OR").is_some() {
        satisfied |= all(tokens, allowed)?;
    }
    Some(satisfied)
}

fn all(tokens: &mut Tokens<'_>, allowed: &[String]) -> Option<bool> {
    let mut satisfied = one(tokens, allowed)?;
    while tokens.next_if_eq(&"AND").is_some() {
        satisfied &= one(tokens, allowed)?;
    }
    Some(satisfied)
}

fn one(tokens: &mut Tokens<'_>, allowed: &[String]) -> Option<bool> {
    match tokens.next()? {
        "(" => {
            let satisfied = any(tokens, allowed)?;
            (tokens.next()? == ")").then_some(satisfied)
        }
        "AND" | "OR" | "WITH" | ")" => None,
        licence => {
            let mut name = licence.to_owned();
            if tokens.next_if_eq(&"WITH").is_some() {
                name = format!("{name} WITH {}", tokens.next()?);
            }
            Some(allowed.contains(&name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_satisfied_as_spdx_says() {
        let allowed: Vec<String> = ["MIT", "ISC", "X WITH Y"].map(str::to_owned).into();
        for good in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0 / MIT",
            "MIT/GPL-3.0",
            "MIT AND ISC",
            "(GPL-3.0 OR MIT) AND ISC",
            "X WITH Y",
        ] {
            assert!(is_allowed(good, &allowed), "{good}");
        }
        for bad in [
            "",
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "GPL-3.0 OR X",
            "(MIT",
            "MIT)",
            "MIT ISC",
            "OR MIT",
            "(MIT OR GPL-3.0) AND GPL-3.0",
        ] {
            assert!(!is_allowed(bad, &allowed), "{bad}");
        }
    }
}
