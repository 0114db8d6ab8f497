//! Condition keys that operations on identities and sessions have besides those of every request: what the request would
//! set, and what is known of what it is about. The engine fills them from what it has read; no header does.

use std::collections::BTreeMap;

/// Condition keys by their names in lower case, each with its values.
///
/// Source: Service Authorization Reference, *Condition keys for AWS Identity and Access Management* and *… for AWS Security
/// Token Service*.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OperationKeys(BTreeMap<String, Vec<String>>);

impl OperationKeys {
    /// With a value of a key, besides others that it has.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.entry(key.to_ascii_lowercase()).or_default().push(value.into());
        self
    }

    /// With the tags that the request sets: `aws:RequestTag/…` and `aws:TagKeys`.
    #[must_use]
    pub fn with_request_tags(self, tags: &BTreeMap<String, String>) -> Self {
        let named = tags.iter().fold(self, |keys, (name, value)| keys.with(&format!("aws:RequestTag/{name}"), value));
        named.with_tag_names(tags.keys())
    }

    /// With the names of tags that the request sets or takes away: `aws:TagKeys`.
    #[must_use]
    pub fn with_tag_names<'n>(self, names: impl IntoIterator<Item = &'n String>) -> Self {
        names.into_iter().fold(self, |keys, name| keys.with("aws:TagKeys", name))
    }

    /// With the tags of what the request is about: `aws:ResourceTag/…` and `iam:ResourceTag/…`.
    #[must_use]
    pub fn with_resource_tags(self, tags: &BTreeMap<String, String>) -> Self {
        tags.iter().fold(self, |keys, (name, value)| {
            keys.with(&format!("aws:ResourceTag/{name}"), value).with(&format!("iam:ResourceTag/{name}"), value)
        })
    }

    /// With what others say of keys that these say nothing of.
    #[must_use]
    pub fn or(mut self, others: Self) -> Self {
        for (key, values) in others.0 {
            self.0.entry(key).or_insert(values);
        }
        self
    }

    /// The values of a key, named in lower case.
    pub(crate) fn get(&self, key: &str) -> Option<&[String]> {
        self.0.get(key).map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_request_says_stands_before_what_is_known() {
        let tags = BTreeMap::from([("Team".to_owned(), "wind".to_owned())]);
        let known = OperationKeys::default().with("iam:PermissionsBoundary", "old").with_resource_tags(&tags);
        let asked = OperationKeys::default().with("iam:PermissionsBoundary", "new").with_request_tags(&tags).or(known);
        let wind = Some(&["wind".to_owned()][..]);
        for (key, expected) in [
            ("iam:permissionsboundary", Some(&["new".to_owned()][..])),
            ("aws:requesttag/team", wind),
            ("aws:resourcetag/team", wind),
            ("iam:resourcetag/team", wind),
            ("aws:tagkeys", Some(&["Team".to_owned()][..])),
            ("iam:policyarn", None),
        ] {
            assert_eq!(asked.get(key), expected, "{key}");
        }
    }
}
