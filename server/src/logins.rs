//! Who else may vouch for callers, made ready from what the operator says.

use std::path::PathBuf;
use std::sync::Arc;

use kernel::Clock;
use outbound::oidc::{Oidc, OidcSettings};
use outbound::{Providers, SetupError};
use tokio::sync::watch;

use crate::ambient;
use crate::configuration::LoginSettings;

/// Why somebody cannot vouch for callers.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    /// A file that is named cannot be read.
    #[error("`{}` cannot be read", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// What is configured cannot be.
    #[error("the logins that are configured cannot be offered")]
    Setup(#[from] SetupError),
}

/// Makes them ready. None is asked for anything yet.
pub(crate) fn open(settings: &LoginSettings, clock: &Arc<dyn Clock>) -> Result<Arc<Providers>, LoginError> {
    let read =
        |path: &PathBuf| ambient::read_text(path).map_err(|source| LoginError::File { path: path.clone(), source });
    let mut oidc = Vec::new();
    for login in &settings.oidc {
        let authorities = login.ca_file.as_ref().map(read).transpose()?.map(String::into_bytes);
        oidc.push(OidcSettings { authorities, ..login.settings.clone() });
    }
    Ok(Arc::new(Providers { oidc: Oidc::new(oidc, Arc::clone(clock))? }))
}

/// Keeps the keys of providers fresh.
pub(crate) async fn refresh_until_stopped(
    providers: Arc<Providers>,
    clock: Arc<dyn Clock>,
    mut stopped: watch::Receiver<bool>,
) {
    if providers.oidc.is_empty() {
        return;
    }
    loop {
        let rest = tokio::select! {
            rest = providers.oidc.refresh() => rest,
            _ = stopped.changed() => return,
        };
        tokio::select! {
            () = clock.sleep(rest) => {}
            _ = stopped.changed() => return,
        }
    }
}
