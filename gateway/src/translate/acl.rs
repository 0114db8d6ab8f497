//! Access control lists in headers and documents.
//!
//! Accounts have no addresses here, so nobody can be granted anything by an email address.

use engine::{AskedAcl, CannedAcl, PutAcl, StandingAcl};
use http::HeaderMap;
use kernel::{AccountId, Acl, Grant, Grantee, Permission};
use s3s::dto;

use crate::s3_error::Mistake;

const HEADER: &str = "x-amz-acl";
/// Source: Amazon S3 User Guide, *Access control list (ACL) overview*, "Canned ACL".
const CANNED: [(&str, CannedAcl); 7] = [
    ("private", CannedAcl::Private),
    ("public-read", CannedAcl::PublicRead),
    ("public-read-write", CannedAcl::PublicReadWrite),
    ("authenticated-read", CannedAcl::AuthenticatedRead),
    ("bucket-owner-read", CannedAcl::BucketOwnerRead),
    ("bucket-owner-full-control", CannedAcl::BucketOwnerFullControl),
    ("log-delivery-write", CannedAcl::LogDeliveryWrite),
];
const GRANTS: [(&str, Permission); 5] = [
    ("x-amz-grant-full-control", Permission::FullControl),
    ("x-amz-grant-read", Permission::Read),
    ("x-amz-grant-read-acp", Permission::ReadAcp),
    ("x-amz-grant-write", Permission::Write),
    ("x-amz-grant-write-acp", Permission::WriteAcp),
];
/// Source: Amazon S3 User Guide, *Access control list (ACL) overview*, "Amazon S3 predefined groups".
const GROUPS: [(&str, Grantee); 3] = [
    ("http://acs.amazonaws.com/groups/global/AllUsers", Grantee::AllUsers),
    ("http://acs.amazonaws.com/groups/global/AuthenticatedUsers", Grantee::AuthenticatedUsers),
    ("http://acs.amazonaws.com/groups/s3/LogDelivery", Grantee::LogDelivery),
];
const PERMISSIONS: [(&str, Permission); 5] = [
    (dto::Permission::FULL_CONTROL, Permission::FullControl),
    (dto::Permission::READ, Permission::Read),
    (dto::Permission::READ_ACP, Permission::ReadAcp),
    (dto::Permission::WRITE, Permission::Write),
    (dto::Permission::WRITE_ACP, Permission::WriteAcp),
];

/// Which account has a canonical user id.
pub(crate) type Accounts<'a> = &'a dyn Fn(&str) -> Option<AccountId>;

/// The list that a request's headers ask for, if they do.
pub(crate) fn of_headers(headers: &HeaderMap, accounts: Accounts<'_>) -> Result<Option<AskedAcl>, Mistake> {
    let mut grants = Vec::new();
    for (name, permission) in GRANTS {
        for value in headers.get_all(name) {
            let malformed = || argument(name, "must be text");
            grantees(name, value.to_str().map_err(|_| malformed())?, accounts, |grantee| {
                grants.push(Grant { grantee, permission });
            })?;
        }
    }
    let canned = headers.get(HEADER).map(|value| value.to_str().unwrap_or("?")).filter(|canned| !canned.is_empty());
    match canned {
        None if grants.is_empty() => Ok(None),
        None => Ok(Some(AskedAcl::Grants(bounded(grants)?))),
        Some(_) if !grants.is_empty() => {
            Err(Mistake::Request("a canned access control list and grants cannot both be asked for".to_owned()))
        }
        Some("aws-exec-read") => Err(Mistake::NotOffered("an access control list for Amazon EC2".to_owned())),
        Some(canned) => match CANNED.iter().find(|(name, _)| *name == canned) {
            Some((_, canned)) => Ok(Some(AskedAcl::Canned(*canned))),
            None => Err(argument(HEADER, "not a canned access control list")),
        },
    }
}

/// The list that a document or the headers put.
pub(crate) fn to_put(
    document: Option<&dto::AccessControlPolicy>,
    headers: &HeaderMap,
    accounts: Accounts<'_>,
) -> Result<PutAcl, Mistake> {
    match (document, of_headers(headers, accounts)?) {
        (None, None) => Err(Mistake::NoAcl),
        (None, Some(acl)) => Ok(PutAcl { acl, owner: None }),
        (Some(_), Some(_)) => Err(Mistake::TwoAcls),
        (Some(document), None) => of_document(document, accounts),
    }
}

fn of_document(document: &dto::AccessControlPolicy, accounts: Accounts<'_>) -> Result<PutAcl, Mistake> {
    let owner = document.owner.as_ref().and_then(|owner| owner.id.as_deref());
    let owner = owner.map(|id| accounts(id).ok_or_else(|| argument("Owner", "invalid id"))).transpose()?;
    let grants = document.grants.iter().flatten().map(|grant| {
        let grantee = grant.grantee.as_ref().ok_or(Mistake::Acl("a Grant must hold a Grantee"))?;
        let permission = grant.permission.as_ref().map_or("", dto::Permission::as_str);
        let permission = PERMISSIONS.iter().find(|(name, _)| *name == permission);
        let (_, permission) = permission.ok_or(Mistake::Acl("a Grant must hold a Permission that there is"))?;
        Ok(Grant { grantee: of_grantee(grantee, accounts)?, permission: *permission })
    });
    let acl = AskedAcl::Grants(bounded(grants.collect::<Result<_, Mistake>>()?)?);
    Ok(PutAcl { acl, owner })
}

fn of_grantee(grantee: &dto::Grantee, accounts: Accounts<'_>) -> Result<Grantee, Mistake> {
    let (kind, named) = match grantee.type_.as_str() {
        dto::Type::CANONICAL_USER => ("id", &grantee.id),
        dto::Type::GROUP => ("uri", &grantee.uri),
        dto::Type::AMAZON_CUSTOMER_BY_EMAIL => ("emailaddress", &grantee.email_address),
        _ => return Err(Mistake::Acl("the type of a Grantee must be CanonicalUser, Group or AmazonCustomerByEmail")),
    };
    let named = named.as_deref().ok_or(Mistake::Acl("a Grantee must hold what its type says"))?;
    known("Grantee", kind, named, accounts)
}

/// Reads `id="…", uri="…"`. Quotation marks may be left out.
fn grantees(
    header: &'static str,
    text: &str,
    accounts: Accounts<'_>,
    mut found: impl FnMut(Grantee),
) -> Result<(), Mistake> {
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let malformed = || argument(header, "must hold pairs like id=\"…\", uri=\"…\"");
        let (kind, named) = pair.split_once('=').ok_or_else(malformed)?;
        let (kind, named) = (kind.trim().to_ascii_lowercase(), named.trim());
        let bare = named.strip_prefix('"').map_or(Some(named), |named| named.strip_suffix('"'));
        found(known(header, &kind, bare.ok_or_else(malformed)?, accounts)?);
    }
    Ok(())
}

fn known(place: &'static str, kind: &str, named: &str, accounts: Accounts<'_>) -> Result<Grantee, Mistake> {
    match kind {
        "id" => accounts(named).map(Grantee::Account).ok_or_else(|| argument(place, "invalid id")),
        "uri" => {
            let group = GROUPS.iter().find(|(uri, _)| *uri == named);
            group.map(|(_, group)| *group).ok_or_else(|| argument(place, "invalid group uri"))
        }
        "emailaddress" => Err(Mistake::GranteeByEmail),
        _ => Err(argument(place, "a grantee is named by id, uri or emailAddress")),
    }
}

fn bounded(grants: Vec<Grant>) -> Result<Vec<Grant>, Mistake> {
    if grants.len() > Acl::GRANTS_MAX {
        return Err(Mistake::Acl("more than 100 grants"));
    }
    Ok(grants)
}

fn argument(name: &'static str, reason: &str) -> Mistake {
    Mistake::Argument { name, reason: reason.to_owned() }
}

/// A list for an answer. `owner` says what an account is called.
pub(crate) fn to_wire(standing: &StandingAcl, owner: impl Fn(AccountId) -> dto::Owner) -> (dto::Owner, dto::Grants) {
    let grant = |grant: &Grant| {
        let grantee = match grant.grantee {
            Grantee::Account(account) => {
                let dto::Owner { display_name, id } = owner(account);
                let type_ = dto::Type::from_static(dto::Type::CANONICAL_USER);
                dto::Grantee { display_name, email_address: None, id, type_, uri: None }
            }
            group => {
                let uri = GROUPS.iter().find(|(_, known)| *known == group).map(|(uri, _)| (*uri).to_owned());
                let type_ = dto::Type::from_static(dto::Type::GROUP);
                dto::Grantee { display_name: None, email_address: None, id: None, type_, uri }
            }
        };
        let permission = PERMISSIONS.iter().find(|(_, known)| *known == grant.permission);
        let permission = permission.map(|(name, _)| dto::Permission::from_static(name));
        dto::Grant { grantee: Some(grantee), permission }
    };
    let is_account = |grant: &&Grant| matches!(grant.grantee, Grantee::Account(_));
    let grants = standing.acl.grants.iter();
    // Their order means nothing. Groups come first, where whoever looks for what is public sees them.
    let groups = grants.clone().filter(|grant| !is_account(grant));
    (owner(standing.owner), groups.chain(grants.filter(is_account)).map(grant).collect())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    const ID: &str = "0123";

    fn asked(pairs: &[(&'static str, &'static str)]) -> Result<Option<AskedAcl>, Mistake> {
        let pairs = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        of_headers(&pairs.collect(), &|id| (id == ID).then_some(AccountId::HOME))
    }

    fn granted(pairs: &[(Grantee, Permission)]) -> Result<Option<AskedAcl>, Mistake> {
        let grants = pairs.iter().map(|(grantee, permission)| Grant { grantee: *grantee, permission: *permission });
        Ok(Some(AskedAcl::Grants(grants.collect())))
    }

    #[test]
    fn lists_have_names() {
        assert_eq!(asked(&[]), Ok(None));
        assert_eq!(asked(&[(HEADER, "")]), Ok(None));
        for (name, canned) in CANNED {
            assert_eq!(asked(&[(HEADER, name)]), Ok(Some(AskedAcl::Canned(canned))));
        }
        assert!(matches!(asked(&[(HEADER, "public-ready")]), Err(Mistake::Argument { name: HEADER, .. })));
        assert!(matches!(asked(&[(HEADER, "aws-exec-read")]), Err(Mistake::NotOffered(_))));
    }

    #[test]
    fn grants_name_their_grantees() {
        let home = Grantee::Account(AccountId::HOME);
        for value in ["id=0123", "id=\"0123\"", " ID = \"0123\" , "] {
            assert_eq!(asked(&[("x-amz-grant-read", value)]), granted(&[(home, Permission::Read)]), "{value}");
        }
        let both = "id=0123, uri=\"http://acs.amazonaws.com/groups/global/AllUsers\"";
        let expected = granted(&[(home, Permission::WriteAcp), (Grantee::AllUsers, Permission::WriteAcp)]);
        assert_eq!(asked(&[("x-amz-grant-write-acp", both)]), expected);
        assert_eq!(asked(&[("x-amz-grant-read", "emailAddress=a@b.example")]), Err(Mistake::GranteeByEmail));
        for bad in ["0123", "id=\"0123", "id=9", "uri=AllUsers", "name=bob"] {
            assert!(matches!(asked(&[("x-amz-grant-read", bad)]), Err(Mistake::Argument { .. })), "{bad}");
        }
        assert!(matches!(asked(&[(HEADER, "private"), ("x-amz-grant-read", "id=0123")]), Err(Mistake::Request(_))));
    }

    #[test]
    fn a_document_is_read_as_it_is_written() {
        let grants = GROUPS.iter().map(|(_, group)| Grant { grantee: *group, permission: Permission::Read });
        let own = Grant { grantee: Grantee::Account(AccountId::HOME), permission: Permission::FullControl };
        let acl = Acl { grants: grants.chain([own]).collect() };
        let standing = StandingAcl { owner: AccountId::HOME, acl };
        let (owner, grants) =
            to_wire(&standing, |_| dto::Owner { display_name: Some("me".to_owned()), id: Some(ID.to_owned()) });
        let document = dto::AccessControlPolicy { grants: Some(grants), owner: Some(owner) };
        let read = to_put(Some(&document), &HeaderMap::new(), &|id| (id == ID).then_some(AccountId::HOME));
        assert_eq!(read, Ok(PutAcl { acl: AskedAcl::Grants(standing.acl.grants), owner: Some(AccountId::HOME) }));
        assert_eq!(to_put(None, &HeaderMap::new(), &|_| None), Err(Mistake::NoAcl));
    }
}
