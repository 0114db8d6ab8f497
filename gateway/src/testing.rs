//! What tests of the edge stand on: a clock that ticks, chance that does not, a signer, and gateways over services that
//! are made for the test.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use engine::{BodyError, CorsVerdict};
use futures::StreamExt;
use http::{HeaderName, HeaderValue, Method, Request};
use kernel::{Caller, Clock, Entropy, Region, Timestamp};
use s3s::crypto::{Checksum, Sha256};
use s3s::dto::{
    DeleteObjectsInput, DeleteObjectsOutput, GetObjectInput, GetObjectOutput, PutObjectInput, PutObjectOutput,
};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use crate::credentials::{RootCredentials, Secret};
use crate::front::{Front, FrontParts, Inner, LakeFacts};
use crate::s3_error::{Failure, Mistake};
use crate::virtual_host::VirtualHosts;
use crate::{GatewayMeters, Limits};

pub(crate) const ACCESS_KEY: &str = "TESTROOT";
pub(crate) const SECRET_KEY: &str = "a secret for tests only";
pub(crate) const REGION: &str = "test-region";

/// Time as it passes; s3s compares signatures with the machine's clock and no other.
pub(crate) struct Ticking(tokio::time::Instant);

impl Ticking {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(tokio::time::Instant::now()))
    }
}

impl Clock for Ticking {
    #[expect(clippy::disallowed_methods, reason = "s3s compares with the machine's clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        Timestamp::from_millis(i64::try_from(since.as_millis()).expect("before the end of time"))
    }
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
    fn since_boot(&self) -> Duration {
        self.0.elapsed()
    }
    fn boot_id(&self) -> [u8; 16] {
        [0; 16]
    }
    fn sleep(&self, by: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(by))
    }
}

/// Bytes that count up.
pub(crate) struct Counting(AtomicU8);

impl Entropy for Counting {
    fn fill(&self, into: &mut [u8]) {
        into.fill_with(|| self.0.fetch_add(1, Relaxed));
    }
}

/// A doorman before `inner`, with the base domain `lake.example`.
pub(crate) fn front(inner: Inner, limits: Limits) -> Arc<Front> {
    Arc::new(Front::new(FrontParts {
        auditor: None,
        inner,
        lake: LakeFacts {
            metrics: Arc::new(|| "lake_up 1\n".into()),
            metrics_token: Secret::new("token".into()),
            ready: Arc::new(|| Ok(())),
        },
        virtual_hosts: VirtualHosts::new(&["lake.example".into()], &["web.example".into()]),
        cors: Box::new(|_, _| Box::pin(std::future::ready(Ok(CorsVerdict::NoRules)))),
        login: Box::new(|_, _| Box::pin(std::future::ready(Err(Mistake::NotSigned)))),
        region: Region::new(REGION).expect("region"),
        limits: Arc::new(limits),
        clock: Ticking::new(),
        entropy: Arc::new(Counting(AtomicU8::new(0))),
        meters: Arc::<GatewayMeters>::default(),
    }))
}

/// A doorman before s3s, behind which stands a [`Drain`].
pub(crate) fn front_of_s3s(limits: Limits) -> Arc<Front> {
    let root = RootCredentials { access_key: ACCESS_KEY.into(), secret_key: Secret::new(SECRET_KEY.into()) };
    let virtual_hosts = VirtualHosts::new(&["lake.example".into()], &["web.example".into()]);
    let edge = crate::Edge {
        keys: &Arc::new(crate::credentials::KeyRing::new(&root, None)),
        limits: &limits,
        virtual_hosts: &virtual_hosts,
    };
    let service = crate::s3_service(|| Drain, None, &edge);
    let inner: Inner = Box::new(move |request| {
        let service = service.clone();
        Box::pin(async move { service.call(request).await })
    });
    front(inner, limits)
}

/// Reads bodies to their end, for the root caller only, and keeps nothing.
struct Drain;

#[async_trait::async_trait]
impl S3 for Drain {
    async fn put_object(&self, mut request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        root_only(&request)?;
        let mut bytes = 0;
        if let Some(mut body) = request.input.body.take() {
            while let Some(piece) = body.next().await {
                bytes += piece
                    .map_err(|error| engine::Error::Invalid(engine::Fault::Body(BodyError(error))))
                    .map_err(Failure::from)?
                    .len();
            }
        }
        Ok(S3Response::new(PutObjectOutput { size: Some(bytes as i64), ..Default::default() }))
    }
    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        root_only(&request)?;
        let range = request.input.range.map(|range| range.to_header_string());
        Ok(S3Response::new(GetObjectOutput { content_language: range, ..Default::default() }))
    }
    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        root_only(&request)?;
        Ok(S3Response::new(DeleteObjectsOutput::default()))
    }
}

fn root_only<T>(request: &S3Request<T>) -> S3Result<()> {
    match request.extensions.get::<Caller>() {
        Some(caller) if caller.is_root() => Ok(()),
        Some(_) => Err(s3_error!(AccessDenied)),
        None => Err(s3_error!(InternalError, "nobody introduced the caller")),
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::checksum(bytes))
}

pub(crate) fn sha256_base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(Sha256::checksum(bytes))
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0; 64];
    let short = if key.len() > 64 { Sha256::checksum(key).as_ref().to_vec() } else { key.to_vec() };
    block[..short.len()].copy_from_slice(&short);
    let inner = Sha256::checksum(&[block.map(|byte| byte ^ 0x36).as_slice(), message].concat());
    Sha256::checksum(&[block.map(|byte| byte ^ 0x5c).as_slice(), inner.as_ref()].concat()).as_ref().to_vec()
}

/// `YYYYMMDDTHHMMSSZ`.
pub(crate) fn amz_date(at: Timestamp) -> String {
    let (days, seconds) = (at.as_secs().div_euclid(86_400), at.as_secs().rem_euclid(86_400));
    // Howard Hinnant, *chrono-Compatible Low-Level Date Algorithms*, `civil_from_days`.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// A request being made; [`Draft::sign`] adds what SigV4 asks for.
pub(crate) struct Draft {
    method: Method,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    pub(crate) access_key: &'static str,
    /// Names of headers that are sent but not signed.
    pub(crate) unsigned: Vec<&'static str>,
}

/// What a signature leads to: chunks are signed onwards from it.
pub(crate) struct Signature {
    pub(crate) key: Vec<u8>,
    pub(crate) date: String,
    pub(crate) scope: String,
    pub(crate) value: String,
}

impl Draft {
    pub(crate) fn new(method: &str, path: &str, query: &str) -> Self {
        Self {
            method: method.parse().expect("method"),
            path: path.into(),
            query: query.into(),
            headers: vec![("host".into(), "localhost:9000".into())],
            access_key: ACCESS_KEY,
            unsigned: Vec::new(),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(given, _)| given != name);
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Signs for `payload`, the value of `x-amz-content-sha256`.
    pub(crate) fn sign(mut self, payload: &str) -> (Self, Signature) {
        let date = amz_date(Ticking::new().now());
        self = self.header("x-amz-date", &date).header("x-amz-content-sha256", payload);
        let mut signed: Vec<_> =
            self.headers.iter().filter(|(name, _)| !self.unsigned.contains(&name.as_str())).cloned().collect();
        signed.sort();
        let names = signed.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
        let lines: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        // Test queries are written in order; S3 wants `=` after every name.
        let query: Vec<_> = self.query.split('&').filter(|pair| !pair.is_empty()).collect();
        let query = query.iter().map(|pair| if pair.contains('=') { (*pair).to_owned() } else { format!("{pair}=") });
        let query = query.collect::<Vec<_>>().join("&");
        let canonical = format!("{}\n{}\n{query}\n{lines}\n{names}\n{payload}", self.method, self.path);
        let scope = format!("{}/{REGION}/s3/aws4_request", &date[..8]);
        let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha256(canonical.as_bytes()));
        let mut key = format!("AWS4{SECRET_KEY}").into_bytes();
        for part in [&date[..8], REGION, "s3", "aws4_request"] {
            key = hmac(&key, part.as_bytes());
        }
        let value = hex::encode(hmac(&key, to_sign.as_bytes()));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={value}",
            self.access_key
        );
        (self.header("authorization", &authorization), Signature { key, date, scope, value })
    }

    pub(crate) fn request<B>(self, body: B) -> Request<B> {
        let uri = if self.query.is_empty() { self.path } else { format!("{}?{}", self.path, self.query) };
        let mut request = Request::builder().method(self.method).uri(uri).body(body).expect("request");
        for (name, value) in self.headers {
            let name: HeaderName = name.parse().expect("header name");
            request.headers_mut().append(name, HeaderValue::from_str(&value).expect("header value"));
        }
        request
    }
}

impl Signature {
    /// `data` as the next signed chunk.
    pub(crate) fn chunk(&mut self, data: &[u8]) -> Bytes {
        let to_sign = format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{}\n{}\n{}",
            self.date,
            self.scope,
            self.value,
            sha256(b""),
            sha256(data)
        );
        self.value = hex::encode(hmac(&self.key, to_sign.as_bytes()));
        let head = format!("{:x};chunk-signature={}\r\n", data.len(), self.value);
        Bytes::from([head.as_bytes(), data, b"\r\n"].concat())
    }
}
