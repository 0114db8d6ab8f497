//! How much anybody may ask of the gateway.

use std::time::Duration;

/// The bounds of the edge. Beyond each of them lies a clear refusal, never growth.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections open at once; further ones are closed as they come.
    pub connections_max: usize,
    /// Connections open at once from one address.
    pub connections_per_address_max: usize,
    /// TLS handshakes under way at once.
    pub handshakes_max: usize,
    /// Longest TLS handshake.
    pub handshake_wait: Duration,
    /// Longest wait for a request's head, from its first byte; for the first request from the connection's start.
    pub head_wait: Duration,
    /// Longest silence between two requests of a connection.
    pub idle_wait: Duration,
    /// Over this much waiting for a request's body, it must bring `body_bytes_per_second_min` on average.
    pub body_wait: Duration,
    /// Slowest body that is still read.
    pub body_bytes_per_second_min: u64,
    /// Longest wait for a client to take any byte of an answer.
    pub write_wait: Duration,
    /// How long requests under way may take to finish when the server stops.
    pub drain_wait: Duration,
    /// Requests under way at once; further ones get `503 SlowDown`.
    pub requests_max: usize,
    /// Bytes of documents and signed chunks held in memory for all requests together; further ones get `503 SlowDown`.
    pub buffered_bytes_max: usize,
    /// Names and values of a request's headers together.
    pub head_bytes_max: usize,
    /// Path and query together.
    pub uri_bytes_max: usize,
    /// An XML or JSON body.
    pub document_bytes_max: usize,
    /// One signed chunk of an `aws-chunked` body; it is held until its signature is checked.
    pub chunk_bytes_max: usize,
    /// Streams of one HTTP/2 connection.
    pub streams_per_connection_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 8192,
            connections_per_address_max: 256,
            handshakes_max: 512,
            handshake_wait: Duration::from_secs(10),
            head_wait: Duration::from_secs(15),
            idle_wait: Duration::from_secs(60),
            body_wait: Duration::from_secs(60),
            body_bytes_per_second_min: 1024,
            write_wait: Duration::from_secs(60),
            drain_wait: Duration::from_secs(30),
            requests_max: 1024,
            buffered_bytes_max: 256 << 20,
            head_bytes_max: 32 << 10,
            uri_bytes_max: 16 << 10,
            document_bytes_max: 4 << 20,
            chunk_bytes_max: 16 << 20,
            streams_per_connection_max: 128,
        }
    }
}
