//! One lake's admin API: requests signed, answers read, each at most once.
//!
//! Nothing is tried again: every answer, a refusal included, goes to whoever typed the command.

use std::sync::Arc;
use std::time::Duration;

use kernel::Clock;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Certificate, Method, Response, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use signer::{Signer, ToSign, amz_date, encode_path, encode_query, sha256_hex};

use crate::connection::{Connection, Credentials};
use crate::profiles::read_public;
use crate::{CliError, Result, Surroundings};

/// Where the API begins.
const ROOT: &str = "/_lake/admin/v1";
/// Longest wait for a connection.
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// Longest wait for a whole answer.
const ANSWER_WAIT: Duration = Duration::from_secs(60);
/// Longest answer that is read. A page of 1,000 buckets is a hundredth of it.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// A way to the admin API of one lake.
pub(crate) struct Client {
    http: reqwest::Client,
    connection: Connection,
    /// None where a token says who asks.
    signer: Option<Signer>,
    clock: Arc<dyn Clock>,
    /// What every request asks about: parameters of its query.
    scope: Vec<(&'static str, String)>,
}

/// An error as the API writes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refusal {
    code: String,
    message: String,
    #[serde(default)]
    request_id: String,
}

impl Client {
    /// A client for the lake of a connection.
    pub(crate) fn new(connection: Connection, surroundings: &Surroundings) -> Result<Self> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_WAIT)
            .timeout(ANSWER_WAIT)
            // A signature is for one host: there is no following.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("twinlake/", env!("CARGO_PKG_VERSION")));
        builder = match &connection.ca_file {
            // Without TLS nobody is trusted, and a machine without certificates does for that.
            _ if !connection.endpoint.is_tls => builder.tls_certs_only([]),
            Some(path) => {
                let unusable = |source| CliError::Certificates { path: path.clone(), source };
                builder.tls_certs_merge(Certificate::from_pem_bundle(&read_public(path)?).map_err(unusable)?)
            }
            None => builder,
        };
        let signer = match &connection.credentials {
            Credentials::Keys(keys) => {
                let secret_key = keys.secret_key.expose().to_owned();
                let credentials = signer::Credentials { access_key: keys.access_key.clone(), secret_key };
                Some(Signer::new(credentials, &connection.region))
            }
            Credentials::Token(_) => None,
        };
        let http = builder.build().map_err(CliError::Client)?;
        Ok(Self { http, connection, signer, clock: Arc::clone(&surroundings.clock), scope: Vec::new() })
    }

    /// Has every request ask about this, where it is named.
    pub(crate) fn about(mut self, name: &'static str, value: Option<String>) -> Self {
        self.scope.extend(value.map(|value| (name, value)));
        self
    }

    /// Asks for a document.
    pub(crate) async fn get<T: DeserializeOwned>(&mut self, path: &str, query: &[(&str, &str)]) -> Result<T> {
        let answer = self.send(Method::GET, path, query, None).await?;
        self.document(&answer)
    }

    /// Puts a document and reads what the lake makes of it.
    pub(crate) async fn put<T: DeserializeOwned>(&mut self, path: &str, document: &impl serde::Serialize) -> Result<T> {
        let body = serde_json::to_vec(document).map_err(CliError::Json)?;
        let answer = self.send(Method::PUT, path, &[], Some(body)).await?;
        self.document(&answer)
    }

    /// Has something done, with a document where that takes one, and reads what came of it.
    pub(crate) async fn post<T: DeserializeOwned>(
        &mut self,
        path: &str,
        document: Option<&impl serde::Serialize>,
    ) -> Result<T> {
        let body = document.map(serde_json::to_vec).transpose().map_err(CliError::Json)?;
        let answer = self.send(Method::POST, path, &[], body).await?;
        self.document(&answer)
    }

    /// Puts something, with a document where it takes one, of which there is nothing to be told.
    pub(crate) async fn set(&mut self, path: &str, document: Option<&impl serde::Serialize>) -> Result<()> {
        let body = document.map(serde_json::to_vec).transpose().map_err(CliError::Json)?;
        self.send(Method::PUT, path, &[], body).await.map(drop)
    }

    /// Puts a document as it is written.
    pub(crate) async fn set_text(&mut self, path: &str, text: String) -> Result<()> {
        self.send(Method::PUT, path, &[], Some(text.into_bytes())).await.map(drop)
    }

    /// Asks for a document as it is written.
    pub(crate) async fn text(&mut self, path: &str) -> Result<String> {
        let answer = self.send(Method::GET, path, &[], None).await?;
        String::from_utf8(answer).map_err(|_| self.foreign(200))
    }

    /// Takes something away.
    pub(crate) async fn delete(&mut self, path: &str) -> Result<()> {
        self.send(Method::DELETE, path, &[], None).await.map(drop)
    }

    /// Takes something away, and reads what came of it.
    pub(crate) async fn remove<T: DeserializeOwned>(&mut self, path: &str) -> Result<T> {
        let answer = self.send(Method::DELETE, path, &[], None).await?;
        self.document(&answer)
    }

    fn document<T: DeserializeOwned>(&self, answer: &[u8]) -> Result<T> {
        serde_json::from_slice(answer).map_err(|_| self.foreign(200))
    }

    fn foreign(&self, status: u16) -> CliError {
        CliError::Foreign { endpoint: self.connection.endpoint.url.clone(), status }
    }

    /// Sends a request and gives back the body of its answer, if that is a success.
    async fn send(
        &mut self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Result<Vec<u8>> {
        let request = self.sign(method, path, query, body);
        let unreachable = |source: reqwest::Error| CliError::Unreachable {
            endpoint: self.connection.endpoint.url.clone(),
            // Its text would name the whole address once more.
            source: source.without_url(),
        };
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        let body = self.read(answer).await?;
        if status.is_success() {
            return Ok(body);
        }
        let refusal: Refusal = serde_json::from_slice(&body).map_err(|_| self.foreign(status.as_u16()))?;
        let Refusal { code, message, request_id } = refusal;
        Err(CliError::Refused { status: status.as_u16(), code, message, request_id })
    }

    fn sign(
        &mut self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> reqwest::RequestBuilder {
        let path = encode_path(&format!("{ROOT}{path}"));
        let scope = self.scope.iter().map(|(name, value)| (*name, value.as_str()));
        let query = encode_query(&query.iter().copied().chain(scope).collect::<Vec<_>>());
        let endpoint = &self.connection.endpoint;
        let time = amz_date(u64::try_from(self.clock.now().as_secs()).unwrap_or_default());
        let payload_sha256 = sha256_hex([body.as_deref().unwrap_or_default()]);
        let mut headers = vec![
            ("host", endpoint.host.as_str()),
            ("x-amz-content-sha256", payload_sha256.as_str()),
            ("x-amz-date", time.as_str()),
        ];
        if body.is_some() {
            headers.push((CONTENT_TYPE.as_str(), "application/json"));
        }
        if let Credentials::Keys(keys) = &self.connection.credentials
            && let Some(token) = &keys.session_token
        {
            headers.push(("x-amz-security-token", token.expose()));
        }
        headers.sort_unstable();
        let sign = |signer: &mut Signer| {
            signer.authorization(&ToSign {
                method: method.as_str(),
                path: &path,
                query: &query,
                headers: &headers,
                payload_sha256: &payload_sha256,
                time: &time,
            })
        };
        let authorization = match (&self.connection.credentials, &mut self.signer) {
            (Credentials::Token(token), _) => format!("Bearer {}", token.expose()),
            (Credentials::Keys(_), signer) => signer.as_mut().map(sign).unwrap_or_default(),
        };
        let target = if query.is_empty() { path } else { format!("{path}?{query}") };
        let mut request = self.http.request(method, format!("{}{target}", endpoint.url));
        for (name, value) in headers.into_iter().filter(|(name, _)| *name != "host") {
            request = request.header(name, value);
        }
        request = request.header(AUTHORIZATION, authorization);
        match body {
            Some(body) => request.body(body),
            None => request,
        }
    }

    async fn read(&self, mut answer: Response) -> Result<Vec<u8>> {
        let endpoint = &self.connection.endpoint.url;
        let broken = |source| CliError::Unreachable { endpoint: endpoint.clone(), source };
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(CliError::TooLong { endpoint: endpoint.clone(), max: ANSWER_BYTES_MAX });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}
