//! The S3 face of the lake.
//!
//! A request passes through three rooms. `listen` holds the sockets: it counts connections, waits for first bytes,
//! shakes hands over TLS and lets everybody finish when the server stops. `front` is the doorman: it judges a request
//! by its head alone, before a byte of its body is read, and watches the body while others read it. Behind it s3s checks
//! the signature and parses, and the S3 operations (`s3`, `translate`) translate between its words and those of the
//! engine. Who may do what is not decided here: the gateway only finds out who is calling (`credentials`).
//!
//! ```text
//! socket → listen (wire, tls) → front (head, body) → s3s → credentials → s3 → engine
//! ```

mod alarm;
mod credentials;
mod form;
mod front;
mod guesses;
mod limits;
mod listen;
mod logins;
mod meters;
mod origin;
mod own;
mod s3;
mod s3_error;
#[cfg(test)]
mod testing;
mod translate;
mod virtual_host;

use std::io;
use std::sync::Arc;

use engine::Engine;
use kernel::{BucketName, Clock, Entropy, Region};
use outbound::Providers;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::validation::NameValidation;
use tokio::net::TcpListener;

pub use credentials::{RootCredentials, Secret};
pub use limits::Limits;
pub use listen::{CertificatePart, CertificateRules, ClientTrust, Tls, TlsError, TlsFiles};
pub use meters::{GatewayMeters, OperationMeters};

use credentials::{Introduction, KeyRing, SharedKeys};
use form::signature::Signers;
use front::{Front, FrontParts, LakeFacts};
use logins::Logins;
use own::batch::Batches;
use own::{Desk, OwnRoute};
use s3::S3Face;
use s3::form::Forms;
use virtual_host::VirtualHosts;

/// The tracing target of the one line that is written per request.
pub const REQUEST_LOG_TARGET: &str = "gateway::request";

/// Tracing targets whose lines may hold signatures, headers or bodies, each with the most that may be switched on: s3s
/// prints malformed bodies at `error` and expected signatures at `debug`, the HTTP libraries print headers at `debug` and
/// `trace`. Nothing is lost: every request has its line under [`REQUEST_LOG_TARGET`].
pub const CAPPED_LOG_TARGETS: [(&str, &str); 8] = [
    ("s3s", "off"),
    ("s3s_multipart", "off"),
    ("s3s_sigv2", "off"),
    ("s3s_sigv4", "off"),
    ("h2", "info"),
    ("hyper", "info"),
    ("hyper_util", "info"),
    ("rustls", "info"),
];

/// What a gateway is made of.
pub struct GatewayParts {
    /// The operations of the lake.
    pub engine: Arc<Engine>,
    /// The root identity's keys.
    pub root: RootCredentials,
    /// The region that requests must be signed for.
    pub region: Region,
    /// Base domains of virtual-host style; none means path style only.
    pub domains: Vec<String>,
    /// Base domains of websites; none means there are no websites.
    pub website_domains: Vec<String>,
    /// The bounds of the edge.
    pub limits: Limits,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// Who else may vouch for callers.
    pub providers: Arc<Providers>,
    /// What `/_lake/metrics` answers: Prometheus text.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// The bearer token of `/_lake/metrics`.
    pub metrics_token: Secret,
    /// What `/_lake/health/ready` answers; the reason goes to the log only.
    pub ready: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
}

/// The gateway: answers S3 requests on any number of listeners.
pub struct Gateway {
    front: Arc<Front>,
}

impl Gateway {
    /// Puts a gateway together.
    pub fn new(parts: GatewayParts) -> Arc<Self> {
        let virtual_hosts = VirtualHosts::new(&parts.domains, &parts.website_domains);
        let face = || S3Face::new(Arc::clone(&parts.engine), parts.region.clone());
        let keys = Arc::new(KeyRing::new(&parts.root, Some(Arc::clone(&parts.engine))));
        let forms = Forms {
            face: face(),
            signers: Signers { keys: Arc::clone(&keys), region: parts.region.clone() },
            clock: Arc::clone(&parts.clock),
        };
        let batches = Batches { engine: Arc::clone(&parts.engine), entropy: Arc::clone(&parts.entropy) };
        let logins = Logins::new(Arc::clone(&parts.engine), Arc::clone(&parts.providers), Arc::clone(&parts.clock));
        let logins = Arc::new(logins);
        let desk = Desk { engine: Arc::clone(&parts.engine), forms, batches, logins: Arc::clone(&logins) };
        let edge = Edge { keys: &keys, limits: &parts.limits, virtual_hosts: &virtual_hosts };
        let service = s3_service(face, Some(desk), &edge);
        let engine = parts.engine;
        let auditor = Some(Arc::clone(&engine));
        let front = Front::new(FrontParts {
            auditor,
            inner: Box::new(move |request| {
                let service = service.clone();
                Box::pin(async move { service.call(request).await })
            }),
            lake: LakeFacts { metrics: parts.metrics, metrics_token: parts.metrics_token, ready: parts.ready },
            virtual_hosts,
            cors: Box::new(move |bucket, request| {
                let engine = Arc::clone(&engine);
                Box::pin(async move { engine.cors(&bucket, &request).await })
            }),
            login: Box::new(move |shown, address| {
                let logins = Arc::clone(&logins);
                Box::pin(async move { logins.who(&shown, address).await })
            }),
            region: parts.region,
            limits: Arc::new(parts.limits),
            clock: parts.clock,
            entropy: parts.entropy,
            meters: Arc::default(),
        });
        Arc::new(Self { front: Arc::new(front) })
    }

    /// What the gateway counts.
    pub fn meters(&self) -> &GatewayMeters {
        self.front.meters()
    }

    /// Answers requests on `listener` until `shutdown` ends; over TLS only, if `tls` is given. Returns once requests
    /// under way have finished or [`Limits::drain_wait`] has passed.
    ///
    /// # Errors
    /// None today: a listener that cannot accept is tried again.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        tls: Option<Arc<Tls>>,
        shutdown: impl Future<Output = ()>,
    ) -> io::Result<()> {
        listen::serve(Arc::clone(&self.front), listener, tls, shutdown).await
    }
}

/// What s3s must know of the edge.
struct Edge<'a> {
    keys: &'a Arc<KeyRing>,
    limits: &'a Limits,
    virtual_hosts: &'a VirtualHosts,
}

/// s3s before the faces that `face` makes, all alike, and before the desk for what s3s has no name for.
fn s3_service<F: s3s::S3>(face: impl Fn() -> F, desk: Option<Desk>, edge: &Edge<'_>) -> S3Service {
    let config = Arc::new(StaticConfigProvider::new(Arc::new(s3_config(edge.limits))));
    let builder = || {
        let mut builder = S3ServiceBuilder::new(face());
        builder.set_config(config.clone());
        // Without keys s3s would ask nobody who is calling.
        builder.set_auth(SharedKeys(Arc::clone(edge.keys)));
        builder.set_access(Introduction(Arc::clone(edge.keys)));
        builder.set_host(edge.virtual_hosts.clone());
        builder.set_validation(BucketNames);
        builder
    };
    let mut service = builder();
    service.set_route(OwnRoute { again: builder().build(), keys: Arc::clone(edge.keys), desk });
    service.build()
}

/// What S3 allows, and no more.
fn s3_config(limits: &Limits) -> S3Config {
    let mut config = S3Config::default();
    // The doorman judges regions: those of S3's requests, and not those of IAM's and STS's.
    config.expected_region = None;
    config.sig_v4_allowed_services =
        [front::mechanism::SERVICE].into_iter().chain(own::query_api::SERVICES).map(Into::into).collect();
    config.enable_sig_v2 = false;
    config.presigned_url_max_expires_secs = 7 * 24 * 60 * 60;
    config.aws_chunked_stream_max_chunk_size = limits.chunk_bytes_max;
    config.xml_max_body_size = limits.document_bytes_max;
    // The engine bounds bodies, after it has made sure that the caller may write at all; documents are bounded in front.
    config.put_object_max_size = None;
    config.custom_route_max_body_size = None;
    // Forms never get here: see `form`.
    config.allow_post_signature = false;
    config.normalize_forward_slash_path = false;
    // SDKs name the operation in `x-id`; a request that misnames it is routed by what it sends, as S3 does.
    config.operation_id_routing = false;
    config
}

/// The bucket names of the kernel.
struct BucketNames;

impl NameValidation for BucketNames {
    fn validate_bucket_name(&self, name: &str) -> bool {
        BucketName::new(name).is_ok()
    }
}
