//! Managed policies that every account has, under the names that AWS gave them: what tools attach without asking.
//!
//! Source: AWS Managed Policy Reference, as far as the services are those of a lake.

use super::records::{ManagedPolicy, PolicyVersion};

/// What stands in their ARNs where an account stands in others.
pub(super) const ACCOUNT: &str = "aws";

/// Name, end of the unique id, and what is allowed.
const ALL: [(&str, &str, &str); 5] = [
    ("AdministratorAccess", "ADMINISTRATOR000", r#""*""#),
    ("AmazonS3FullAccess", "AMAZONSTHREEFULL", r#""s3:*""#),
    ("AmazonS3ReadOnlyAccess", "AMAZONSTHREEREAD", r#"["s3:Get*","s3:List*"]"#),
    ("IAMFullAccess", "IAMFULLACCESS000", r#""iam:*""#),
    ("IAMReadOnlyAccess", "IAMREADONLY00000", r#"["iam:Get*","iam:List*","iam:Simulate*"]"#),
];

/// All of them.
pub(super) fn all() -> impl Iterator<Item = ManagedPolicy> {
    ALL.into_iter().map(|(name, id, actions)| {
        let document = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":{actions},"Resource":"*"}}]}}"#
        );
        ManagedPolicy {
            account: ACCOUNT.to_owned(),
            name: name.to_owned(),
            path: "/".to_owned(),
            id: format!("ANPA{id}"),
            created_ms: 0,
            description: String::new(),
            versions: vec![PolicyVersion { number: 1, document: document.into(), created_ms: 0 }],
            default: 1,
            next: 2,
        }
    })
}

#[cfg(test)]
mod tests {
    use policy::{Attachment, Source};

    use super::*;

    #[test]
    fn each_of_them_is_a_policy() {
        for policy in all() {
            let document = policy.current().map(|version| version.document.to_string()).expect("a version");
            Source::iam(&policy.name, &document, &Attachment::Managed).expect("a policy");
        }
    }
}
