//! The parameters of a request: taken out one by one, until none is left.

use std::collections::BTreeMap;

use crate::front::query;
use crate::s3_error::Mistake;

/// Parameters of one request. Source: a document that IAM takes has at most 131,072 characters, a form here 64 KiB.
const COUNT_MAX: usize = 1_000;
const ITEMS_DEFAULT: usize = 100;
const ITEMS_MAX: usize = 1_000;

/// Names and values that nobody has taken out yet.
pub(super) struct Parameters(BTreeMap<String, String>);

/// Which stretch of a list is asked for.
pub(super) struct Stretch {
    pub(super) after: Option<String>,
    pub(super) limit: usize,
}

impl Stretch {
    /// The stretch of `all` in the order of `name`, whatever its case, and the name behind which the rest follows.
    pub(super) fn of<T>(self, mut all: Vec<T>, name: impl Fn(&T) -> &str) -> (Vec<T>, Option<String>) {
        let place = |item: &T| name(item).to_ascii_lowercase();
        all.sort_by_cached_key(place);
        let after = self.after.map(|after| after.to_ascii_lowercase());
        let behind = all.into_iter().filter(|item| after.as_ref().is_none_or(|after| place(item) > *after));
        let mut page: Vec<T> = behind.take(self.limit + 1).collect();
        let more = page.len() > self.limit;
        page.truncate(self.limit);
        let next = page.last().filter(|_| more).map(|last| name(last).to_owned());
        (page, next)
    }
}

fn wrong(name: &str, reason: &str) -> Mistake {
    Mistake::Query(format!("`{name}` {reason}"))
}

impl Parameters {
    /// Reads a form.
    pub(super) fn read(form: &[u8]) -> Result<Self, Mistake> {
        let text = std::str::from_utf8(form).map_err(|_| Mistake::Query("the form is not text".to_owned()))?;
        let mut read = BTreeMap::new();
        for (name, value) in query::pairs(Some(text)) {
            if read.insert(name.clone().into_owned(), value.into_owned()).is_some() {
                return Err(wrong(&name, "is given twice"));
            }
            if read.len() > COUNT_MAX {
                return Err(Mistake::Query(format!("a request has at most {COUNT_MAX} parameters")));
            }
        }
        Ok(Self(read))
    }

    /// Takes a parameter out.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    /// Takes a parameter out that must be there.
    pub(super) fn need(&mut self, name: &str) -> Result<String, Mistake> {
        self.0.remove(name).filter(|value| !value.is_empty()).ok_or_else(|| wrong(name, "is missing"))
    }

    /// Takes a number out.
    pub(super) fn number(&mut self, name: &str) -> Result<Option<u32>, Mistake> {
        let value = self.0.remove(name);
        value.map(|value| value.parse().map_err(|_| wrong(name, "is no number"))).transpose()
    }

    /// Takes a list out: `NAME.member.1`, `NAME.member.2`, …
    pub(super) fn list(&mut self, name: &str) -> Vec<String> {
        let member = |number: usize| format!("{name}.member.{number}");
        (1..).map_while(|number| self.0.remove(&member(number))).collect()
    }

    /// Takes a list of records out, each as the values of some fields.
    fn records<const N: usize>(&mut self, name: &str, fields: [&str; N]) -> Vec<[Option<String>; N]> {
        let mut taken = Vec::new();
        for number in 1.. {
            let record = fields.map(|field| self.0.remove(&format!("{name}.member.{number}.{field}")));
            if record.iter().all(Option::is_none) {
                break;
            }
            taken.push(record);
        }
        taken
    }

    /// Takes tags out.
    pub(super) fn tags(&mut self) -> Result<BTreeMap<String, String>, Mistake> {
        let mut tags = BTreeMap::new();
        for [key, value] in self.records("Tags", ["Key", "Value"]) {
            let key = key.ok_or_else(|| wrong("Tags", "has a tag without a key"))?;
            if tags.insert(key.clone(), value.unwrap_or_default()).is_some() {
                return Err(wrong("Tags", "has a key twice"));
            }
        }
        Ok(tags)
    }

    /// Takes the ARNs of managed policies out.
    pub(super) fn policy_arns(&mut self) -> Vec<String> {
        self.records("PolicyArns", ["arn"]).into_iter().filter_map(|[arn]| arn).collect()
    }

    /// Takes out which stretch of a list is asked for.
    pub(super) fn stretch(&mut self) -> Result<Stretch, Mistake> {
        let limit = self.number("MaxItems")?.map_or(ITEMS_DEFAULT, |items| items as usize);
        if limit == 0 || limit > ITEMS_MAX {
            return Err(wrong("MaxItems", "is 1 to 1000"));
        }
        Ok(Stretch { after: self.take("Marker"), limit })
    }

    /// Nothing may be left.
    pub(super) fn end(self) -> Result<(), Mistake> {
        match self.0.into_keys().next() {
            Some(name) => Err(wrong(&name, "means nothing to this operation")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: &str) -> Parameters {
        Parameters::read(form.as_bytes()).expect("a form")
    }

    #[test]
    fn parameters_are_taken_out_until_none_is_left() {
        let mut form = read("A=1&L.member.1=x&L.member.2=y&Tags.member.1.Key=k&Tags.member.1.Value=a%20b+c");
        assert_eq!(form.need("A").as_deref(), Ok("1"));
        assert!(form.need("A").is_err());
        assert_eq!(form.list("L"), ["x", "y"]);
        assert_eq!(form.tags(), Ok(BTreeMap::from([("k".to_owned(), "a b c".to_owned())])));
        assert_eq!(form.end(), Ok(()));
        let left = read("B=1").end().expect_err("one is left");
        assert!(left.to_string().contains("`B`"), "{left}");
        assert!(Parameters::read(b"A=1&A=2").is_err());
    }

    #[test]
    fn lists_come_in_stretches() {
        let all = || vec!["a", "b", "c"];
        let stretch = |after: Option<&str>, limit| Stretch { after: after.map(str::to_owned), limit };
        assert_eq!(stretch(None, 2).of(all(), |item| item), (vec!["a", "b"], Some("b".to_owned())));
        assert_eq!(stretch(Some("b"), 2).of(all(), |item| item), (vec!["c"], None));
        assert_eq!(stretch(None, 3).of(all(), |item| item), (all(), None));
        let mixed = || vec!["B", "a", "C"];
        assert_eq!(stretch(None, 2).of(mixed(), |item| item), (vec!["a", "B"], Some("B".to_owned())));
        assert_eq!(stretch(Some("b"), 2).of(mixed(), |item| item), (vec!["C"], None));
        assert!(read("MaxItems=0").stretch().is_err());
    }
}
