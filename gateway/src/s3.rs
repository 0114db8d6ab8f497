//! The S3 operations: what s3s has parsed goes to the engine, and what the engine answers goes back.
//!
//! Each operation is a function in the file of its subject. It first passes [`S3Face::admit`], which finds the caller
//! and refuses what is not honoured, then translates, asks the engine, and translates the answer. Whether the caller may
//! is the engine's affair; what an error is called is [`crate::s3_error`]'s.

mod acl;
mod annotations;
mod attributes;
mod buckets;
mod copy;
mod cors;
mod delete;
pub(crate) mod form;
mod list;
mod multipart;
mod object_lock;
mod objects;
mod ownership;
pub(crate) mod parties;
mod policy;
mod tagging;
mod truths;
mod website;

use std::sync::Arc;

use engine::{AsOf, AskedAcl, Engine, WantedEmbargo, Written};
use http::{HeaderMap, HeaderName, HeaderValue};
use kernel::{AccountId, Caller, Region};
use s3s::dto::*;
use s3s::{S3, S3Error, S3Request, S3Response, S3Result};

use crate::front::trace::RequestTrace;
use crate::s3_error::{self, Failure, Mistake};
use crate::translate::{acl as acl_words, as_of, embargo, legible, names, unhonoured};

/// What every operation ends in.
type Answer<T> = Result<S3Response<T>, Failure>;

/// The canonical user id of who did not say who they are.
///
/// Source: Amazon S3 User Guide, *Access control list (ACL) overview*: requests that nobody signed come from this user.
const ANONYMOUS_ID: &str = "65a011a29cdf8ec533ec3d1ccaae921c";

/// The S3 operations over an engine.
pub(crate) struct S3Face {
    engine: Arc<Engine>,
    region: Region,
}

impl S3Face {
    /// A face for an engine in a region.
    pub(crate) fn new(engine: Arc<Engine>, region: Region) -> Self {
        Self { engine, region }
    }

    /// Who is calling, once the request asks for nothing that is not honoured.
    fn admit<T>(&self, request: &S3Request<T>) -> Result<Caller, Mistake> {
        as_of::refuse(&request.headers)?;
        embargo::refuse(&request.headers)?;
        self.caller(request)
    }

    /// As [`Self::admit`], for an operation that makes a version: also what is said of an embargo.
    fn admit_to_close<T>(&self, request: &S3Request<T>) -> Result<(Caller, Option<WantedEmbargo>), Failure> {
        as_of::refuse(&request.headers)?;
        Ok((self.caller(request)?, embargo::wanted(&request.headers)?))
    }

    /// As [`Self::admit`], for an operation that can look at the past: also which moment is asked for.
    fn admit_to_past<T>(&self, request: &S3Request<T>) -> Result<(Caller, Option<AsOf>), Mistake> {
        embargo::refuse(&request.headers)?;
        Ok((self.caller(request)?, as_of::asked(&request.headers)?))
    }

    fn caller<T>(&self, request: &S3Request<T>) -> Result<Caller, Mistake> {
        unhonoured::refuse(&request.headers)?;
        Ok(request.extensions.get::<Caller>().cloned().unwrap_or_else(Caller::anonymous))
    }

    /// What a request says of the parties to it, before its operation begins: whose it takes its buckets for, and whether
    /// it pays, which the answer then tells.
    async fn meet<T>(&self, request: &S3Request<T>) -> Result<Option<(HeaderName, HeaderValue)>, Failure> {
        let trace = trace_of(request);
        let bucket = trace.as_ref().and_then(|trace| trace.resolved()?.bucket.as_deref());
        parties::expect_owners(&self.engine, &request.headers, bucket).await?;
        match request.extensions.get::<Caller>() {
            Some(caller) => parties::charge(&self.engine, &request.headers, caller, bucket).await,
            None => Ok(None),
        }
    }

    /// What an account is called in answers. One that is no more has no name.
    fn owner(&self, account: AccountId) -> Owner {
        match self.engine.canonical_id(account) {
            Some((id, name)) => Owner { display_name: Some(name), id: Some(id) },
            None => Owner { display_name: None, id: Some(format!("{:0>64}", account.to_string())) },
        }
    }

    /// Who started an upload.
    fn initiator(&self, initiator: &engine::Initiator) -> Initiator {
        let (id, display_name) = match initiator {
            engine::Initiator::Account(account) => {
                let Owner { display_name, id } = self.owner(*account);
                (id, display_name)
            }
            engine::Initiator::Named { arn, name } => (legible::echo(arn.clone()), legible::echo(name.clone())),
            engine::Initiator::Anonymous => (Some(ANONYMOUS_ID.to_owned()), None),
        };
        Initiator { display_name, id }
    }

    /// The account with a canonical user id.
    fn account(&self, canonical_id: &str) -> Option<AccountId> {
        self.engine.account_of_canonical_id(canonical_id)
    }

    /// The access control list that a request's headers ask for.
    fn asked_acl(&self, headers: &HeaderMap) -> Result<Option<AskedAcl>, Mistake> {
        acl_words::of_headers(headers, &|id| self.account(id))
    }
}

fn trace_of<T>(request: &S3Request<T>) -> Option<Arc<RequestTrace>> {
    request.extensions.get::<Arc<RequestTrace>>().cloned()
}

/// The answer to a failure, which goes to the log where it is ours.
pub(crate) fn answer(failure: Failure, trace: Option<&RequestTrace>) -> S3Error {
    s3_error::report(&failure, trace.map_or("", RequestTrace::id));
    failure.into()
}

/// All bytes are sealed, always.
fn sealed() -> Option<ServerSideEncryption> {
    Some(ServerSideEncryption::from_static(ServerSideEncryption::AES256))
}

/// The version that the answer to a write names. A write that replaced the null version names none.
fn version_written(written: &Written) -> Option<String> {
    let names_versions = written.versioned && !written.version.is_null;
    names_versions.then(|| names::version_text(written.version.name()))
}

/// The headers that say where in the order of all changes a write stands, and how many replicas hold it.
fn receipt(written: &Written) -> HeaderMap {
    let mut headers = HeaderMap::new();
    place(&mut headers, written.version.sequence);
    headers.insert(HeaderName::from_static("x-lake-replicas"), HeaderValue::from(written.replicas));
    headers
}

/// The header that says where in the order of all changes a change stands.
fn place(headers: &mut HeaderMap, sequence: kernel::Sequence) {
    if let Ok(value) = HeaderValue::try_from(sequence.to_string()) {
        headers.insert(HeaderName::from_static("x-lake-sequence"), value);
    }
}

/// The table of operations. What is not in it, s3s answers with `NotImplemented`.
macro_rules! operations {
    ($($subject:ident: $($name:ident($input:ident) -> $output:ident),+;)+) => {
        #[async_trait::async_trait]
        impl S3 for S3Face {
            $($(
                async fn $name(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                    let trace = trace_of(&request);
                    let answered = match self.meet(&request).await {
                        Ok(charge) => $subject::$name(self, request).await.map(|mut answer| {
                            answer.headers.extend(charge);
                            answer
                        }),
                        Err(failure) => Err(failure),
                    };
                    answered.map_err(|failure| answer(failure, trace.as_deref()))
                }
            )+)+
        }
    };
}

operations! {
    acl:
        get_bucket_acl(GetBucketAclInput) -> GetBucketAclOutput,
        put_bucket_acl(PutBucketAclInput) -> PutBucketAclOutput,
        get_object_acl(GetObjectAclInput) -> GetObjectAclOutput,
        put_object_acl(PutObjectAclInput) -> PutObjectAclOutput;
    buckets:
        create_bucket(CreateBucketInput) -> CreateBucketOutput,
        head_bucket(HeadBucketInput) -> HeadBucketOutput,
        delete_bucket(DeleteBucketInput) -> DeleteBucketOutput,
        list_buckets(ListBucketsInput) -> ListBucketsOutput,
        get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput,
        get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput,
        put_bucket_versioning(PutBucketVersioningInput) -> PutBucketVersioningOutput;
    truths:
        get_bucket_encryption(GetBucketEncryptionInput) -> GetBucketEncryptionOutput,
        put_bucket_encryption(PutBucketEncryptionInput) -> PutBucketEncryptionOutput,
        delete_bucket_encryption(DeleteBucketEncryptionInput) -> DeleteBucketEncryptionOutput,
        get_bucket_logging(GetBucketLoggingInput) -> GetBucketLoggingOutput,
        put_bucket_logging(PutBucketLoggingInput) -> PutBucketLoggingOutput;
    ownership:
        get_bucket_ownership_controls(GetBucketOwnershipControlsInput) -> GetBucketOwnershipControlsOutput,
        put_bucket_ownership_controls(PutBucketOwnershipControlsInput) -> PutBucketOwnershipControlsOutput,
        delete_bucket_ownership_controls(DeleteBucketOwnershipControlsInput) -> DeleteBucketOwnershipControlsOutput,
        get_bucket_request_payment(GetBucketRequestPaymentInput) -> GetBucketRequestPaymentOutput,
        put_bucket_request_payment(PutBucketRequestPaymentInput) -> PutBucketRequestPaymentOutput;
    policy:
        get_bucket_policy(GetBucketPolicyInput) -> GetBucketPolicyOutput,
        put_bucket_policy(PutBucketPolicyInput) -> PutBucketPolicyOutput,
        delete_bucket_policy(DeleteBucketPolicyInput) -> DeleteBucketPolicyOutput,
        get_bucket_policy_status(GetBucketPolicyStatusInput) -> GetBucketPolicyStatusOutput,
        get_public_access_block(GetPublicAccessBlockInput) -> GetPublicAccessBlockOutput,
        put_public_access_block(PutPublicAccessBlockInput) -> PutPublicAccessBlockOutput,
        delete_public_access_block(DeletePublicAccessBlockInput) -> DeletePublicAccessBlockOutput;
    objects:
        put_object(PutObjectInput) -> PutObjectOutput,
        get_object(GetObjectInput) -> GetObjectOutput,
        head_object(HeadObjectInput) -> HeadObjectOutput;
    copy:
        copy_object(CopyObjectInput) -> CopyObjectOutput;
    delete:
        delete_object(DeleteObjectInput) -> DeleteObjectOutput,
        delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput;
    object_lock:
        get_object_lock_configuration(GetObjectLockConfigurationInput) -> GetObjectLockConfigurationOutput,
        put_object_lock_configuration(PutObjectLockConfigurationInput) -> PutObjectLockConfigurationOutput,
        get_object_retention(GetObjectRetentionInput) -> GetObjectRetentionOutput,
        put_object_retention(PutObjectRetentionInput) -> PutObjectRetentionOutput,
        get_object_legal_hold(GetObjectLegalHoldInput) -> GetObjectLegalHoldOutput,
        put_object_legal_hold(PutObjectLegalHoldInput) -> PutObjectLegalHoldOutput;
    annotations:
        put_object_annotation(PutObjectAnnotationInput) -> PutObjectAnnotationOutput,
        get_object_annotation(GetObjectAnnotationInput) -> GetObjectAnnotationOutput,
        list_object_annotations(ListObjectAnnotationsInput) -> ListObjectAnnotationsOutput,
        delete_object_annotation(DeleteObjectAnnotationInput) -> DeleteObjectAnnotationOutput;
    attributes:
        get_object_attributes(GetObjectAttributesInput) -> GetObjectAttributesOutput;
    tagging:
        get_bucket_tagging(GetBucketTaggingInput) -> GetBucketTaggingOutput,
        put_bucket_tagging(PutBucketTaggingInput) -> PutBucketTaggingOutput,
        delete_bucket_tagging(DeleteBucketTaggingInput) -> DeleteBucketTaggingOutput,
        get_object_tagging(GetObjectTaggingInput) -> GetObjectTaggingOutput,
        put_object_tagging(PutObjectTaggingInput) -> PutObjectTaggingOutput,
        delete_object_tagging(DeleteObjectTaggingInput) -> DeleteObjectTaggingOutput;
    cors:
        get_bucket_cors(GetBucketCorsInput) -> GetBucketCorsOutput,
        put_bucket_cors(PutBucketCorsInput) -> PutBucketCorsOutput,
        delete_bucket_cors(DeleteBucketCorsInput) -> DeleteBucketCorsOutput;
    website:
        get_bucket_website(GetBucketWebsiteInput) -> GetBucketWebsiteOutput,
        put_bucket_website(PutBucketWebsiteInput) -> PutBucketWebsiteOutput,
        delete_bucket_website(DeleteBucketWebsiteInput) -> DeleteBucketWebsiteOutput;
    list:
        list_objects(ListObjectsInput) -> ListObjectsOutput,
        list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output,
        list_object_versions(ListObjectVersionsInput) -> ListObjectVersionsOutput,
        list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput;
    multipart:
        create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput,
        upload_part(UploadPartInput) -> UploadPartOutput,
        upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput,
        complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput,
        abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput,
        list_parts(ListPartsInput) -> ListPartsOutput;
}
