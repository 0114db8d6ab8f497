//! What the audit is told of a request: everything that it asks for is watched, and before its answer goes out the audit has
//! written what there is to write. Where that cannot be written, the answer is that nothing can be said.

use engine::{AuditOutcome, Ending};
use http::{Response, StatusCode};
use s3s::{Body, HttpResponse};

use super::refusal::{self, Refusal};
use super::trace::{RequestTrace, Resolved};
use super::{Front, Peer, is_error};

/// A certificate that lets nobody in.
const CERTIFICATE: &str = "InvalidClientCertificate";
/// Codes that refuse a request for who sent it, or for how a bucket is set up, whatever their status. Of `403` there are
/// others.
const OF_REFUSALS: [&str; 11] = [
    "AccessControlListNotSupported",
    "AuthorizationHeaderMalformed",
    "AuthorizationQueryParametersError",
    "ExpiredToken",
    "ExpiredTokenException",
    "IDPRejectedClaim",
    CERTIFICATE,
    "InvalidIdentityToken",
    "InvalidToken",
    "NotSignedUp",
    "Throttling",
];

/// Codes of `403` that are no refusals.
const NO_REFUSALS: [&str; 2] = ["InvalidObjectState", "QuotaExceeded"];

/// How a request ended that was answered so.
fn outcome(status: StatusCode, code: Option<&str>) -> AuditOutcome {
    let is_refused = match code {
        Some(code) if OF_REFUSALS.contains(&code) => true,
        Some(code) if NO_REFUSALS.contains(&code) => false,
        _ => matches!(status, StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED),
    };
    match () {
        () if is_refused => AuditOutcome::Refused,
        () if is_error(status) => AuditOutcome::Error,
        () => AuditOutcome::Done,
    }
}

impl Front {
    /// Handles a request under the eyes of the audit.
    pub(super) async fn audited(
        &self,
        trace: &RequestTrace,
        peer: &Peer,
        resource: &str,
        handling: impl Future<Output = Result<HttpResponse, Refusal>>,
    ) -> Response<Body> {
        let answered = |answer: Result<HttpResponse, Refusal>| match answer {
            Ok(response) => response,
            Err(refusal) => refusal.into_response(trace, resource),
        };
        let Some(engine) = &self.parts.auditor else { return answered(handling.await) };
        let attempt = engine.attempt();
        let response = answered(engine.attend(&attempt, handling).await);
        let (resolved, status) = (trace.resolved(), response.status());
        let told = if is_error(status) { refusal::told(response.body()) } else { None };
        let code = told.as_ref().map(|(code, _)| code.as_str()).filter(|code| !code.is_empty());
        let outcome = outcome(status, code);
        if outcome != AuditOutcome::Refused && is_of_the_lake(resolved) {
            return response;
        }
        let ending = Ending {
            caller: resolved.and_then(|resolved| resolved.caller.as_ref()),
            address: Some(peer.address.ip()),
            request_id: trace.id(),
            operation: resolved.map(|resolved| resolved.operation.name()),
            bucket: resolved.and_then(|resolved| resolved.bucket.as_deref()),
            key: resolved.and_then(|resolved| resolved.key.as_deref()),
            code,
            message: told.as_ref().map(|(_, message)| message.as_str()).filter(|message| !message.is_empty()),
            outcome,
        };
        match engine.conclude(&attempt, ending).await {
            Ok(()) => response,
            Err(error) => {
                let error = &error as &(dyn std::error::Error + 'static);
                tracing::error!(request_id = trace.id(), error, "the audit could not be written");
                let message = "The audit could not be written.";
                Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
                    .into_response(trace, resource)
            }
        }
    }

    /// Tells the audit that a client showed a certificate that nobody vouches for: there is no request to answer.
    pub(crate) async fn refuse_certificate(&self, peer: &Peer) {
        let Some(engine) = &self.parts.auditor else { return };
        let ending = Ending {
            caller: None,
            address: Some(peer.address.ip()),
            request_id: "",
            operation: None,
            bucket: None,
            key: None,
            code: Some(CERTIFICATE),
            message: None,
            outcome: AuditOutcome::Refused,
        };
        if let Err(error) = engine.conclude(&engine.attempt(), ending).await {
            tracing::error!(error = &error as &(dyn std::error::Error + 'static), "the audit could not be written");
        }
    }
}

/// Whether a request asked for health or metrics, as machines do every second.
fn is_of_the_lake(resolved: Option<&Resolved>) -> bool {
    resolved.is_some_and(|resolved| matches!(resolved.operation.name(), "HealthLive" | "HealthReady" | "Metrics"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_from_errors() {
        for (status, code, expected) in [
            (200, None, AuditOutcome::Done),
            (304, None, AuditOutcome::Done),
            (403, Some("AccessDenied"), AuditOutcome::Refused),
            (403, None, AuditOutcome::Refused),
            (401, None, AuditOutcome::Refused),
            (403, Some("QuotaExceeded"), AuditOutcome::Error),
            (400, Some("ExpiredToken"), AuditOutcome::Refused),
            (400, Some("InvalidClientCertificate"), AuditOutcome::Refused),
            (400, Some("AccessControlListNotSupported"), AuditOutcome::Refused),
            (400, Some("InvalidArgument"), AuditOutcome::Error),
            (404, Some("NoSuchKey"), AuditOutcome::Error),
        ] {
            assert_eq!(outcome(StatusCode::from_u16(status).expect("a status"), code), expected, "{status} {code:?}");
        }
    }
}
