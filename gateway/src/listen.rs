//! The sockets: who is let in, what they speak, and how everybody leaves when the server stops.

mod activity;
mod addresses;
mod client_certificate;
mod connection;
mod tls;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinError, JoinSet};

pub(crate) use activity::Activity;
pub(crate) use client_certificate::ClientCertificate;
pub use client_certificate::{CertificatePart, CertificateRules};
pub use tls::{ClientTrust, Tls, TlsError, TlsFiles};

use crate::front::Front;
use addresses::Addresses;
use connection::Room;

/// How long to wait when no more connections can be accepted, because files have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until `shutdown` ends, then lets requests under way finish: for as long as the limits allow.
pub(crate) async fn serve(
    front: Arc<Front>,
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let (stop, stopping) = watch::channel(false);
    let door = Door {
        slots: Arc::new(Semaphore::new(front.limits().connections_max)),
        addresses: Addresses::new(front.limits().connections_per_address_max),
        room: Arc::new(Room::new(Arc::clone(&front), tls, stopping)),
    };
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(ended) = connections.join_next() => report(ended),
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => door.admit(stream, address, &mut connections),
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    tracing::error!(error = &error as &(dyn std::error::Error + 'static), "cannot accept connections");
                    front.clock().sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    // Every connection holds a receiver, or has ended.
    let _ = stop.send(true);
    drain(&front, connections).await;
    Ok(())
}

/// What decides who is let in.
struct Door {
    slots: Arc<Semaphore>,
    addresses: Addresses,
    room: Arc<Room>,
}

impl Door {
    fn admit(&self, stream: TcpStream, address: SocketAddr, connections: &mut JoinSet<()>) {
        let meters = self.room.meters();
        let slot = Arc::clone(&self.slots).try_acquire_owned().ok();
        let (Some(slot), Some(place)) = (slot, self.addresses.enter(address.ip())) else {
            meters.connections_refused.add(1);
            return;
        };
        meters.connections.add(1);
        let room = Arc::clone(&self.room);
        connections.spawn(async move {
            let open = OpenConnection::new(&room);
            room.host(stream, address).await;
            drop((open, slot, place));
        });
    }
}

/// Counts a connection as open for as long as it lives, however it ends.
struct OpenConnection(Arc<crate::GatewayMeters>);

impl OpenConnection {
    fn new(room: &Room) -> Self {
        room.meters().connections_open.add(1);
        Self(Arc::clone(room.meters()))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections_open.add(-1);
    }
}

/// Errors of `accept` that say nothing of the next connection.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(error = &error as &(dyn std::error::Error + 'static), "a connection's task panicked");
    }
}

async fn drain(front: &Front, mut connections: JoinSet<()>) {
    let all_ended = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    tokio::select! {
        () = all_ended => return,
        () = front.clock().sleep(front.limits().drain_wait) => {}
    }
    tracing::warn!(connections = connections.len(), "connections are cut: they did not finish in time");
    connections.shutdown().await;
}

#[cfg(test)]
mod tests;
