//! Who else may vouch for callers, made ready from what the operator says.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gateway::Tls;
use kernel::Clock;
use outbound::ldap::{Ldap, LdapSettings};
use outbound::oidc::{Oidc, OidcSettings};
use outbound::{Providers, SetupError};
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::ambient;
use crate::configuration::LoginSettings;

/// How often the files of TLS are looked at.
const TLS_PAUSE: Duration = Duration::from_secs(5);

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
    let ldap = match &settings.ldap {
        Some(login) => {
            let authorities = login.ca_file.as_ref().map(read).transpose()?.map(String::into_bytes);
            let lookup = match &login.lookup {
                Some((name, file)) => Some((name.clone(), password(&read(file)?))),
                None => None,
            };
            let settings = LdapSettings { authorities, lookup, ..login.settings.clone() };
            Some(Ldap::new(settings, Arc::clone(clock))?)
        }
        None => None,
    };
    Ok(Arc::new(Providers { oidc: Oidc::new(oidc, Arc::clone(clock))?, ldap }))
}

/// The first line of a file.
fn password(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.lines().next().unwrap_or_default().to_owned())
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

/// Takes up certificates, keys, authorities and revocations that have changed.
pub(crate) async fn reload_until_stopped(tls: Arc<Tls>, clock: Arc<dyn Clock>, mut stopped: watch::Receiver<bool>) {
    let mut is_well = true;
    loop {
        tokio::select! {
            () = clock.sleep(TLS_PAUSE) => {}
            _ = stopped.changed() => return,
        }
        let again = Arc::clone(&tls);
        let reloaded = ambient::blocking(move || again.reload()).await;
        match &reloaded {
            Ok(true) => tracing::info!("the files of TLS have changed and are in use"),
            // Once is enough: what was there before stays in use.
            Err(error) if is_well => {
                tracing::warn!(error = error as &(dyn std::error::Error + 'static), "the files of TLS cannot be used");
            }
            Ok(false) | Err(_) => {}
        }
        is_well = reloaded.is_ok();
    }
}
