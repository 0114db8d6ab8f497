//! `twinlake serve`: the lake is put together, served until a signal comes, and taken apart again.
//!
//! The order is that of trust. First the address is taken, so that nothing is made on a disk for a server that cannot
//! listen; then the directory is locked and judged; then the catalogue is opened, which may take as long as its log is to
//! be replayed; then the gateway is told to answer, and only then the address is announced. Clients that come earlier
//! wait in the socket's queue.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use engine::{AuditTrim, Background, Engine, EngineParts, History, Progress, StaleUploads, Sweep, TimeKeeper};
use gateway::{Gateway, GatewayParts, RootCredentials, Secret, Tls, TlsFiles};
use kernel::{Clock, Entropy, SiteName};
use metadata::rocks::{RocksMap, RocksSettings};
use metadata::{Catalog, CatalogError, KeyValue, KeyValueError};
use storage::{BlobStore, FileVault, KeyVault, LocalSettings, LocalSite, ObjectStoreSite, Site, SiteError, VaultError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::ambient::{self, MachineClock, MachineEntropy, Termination};
use crate::configuration::{RootKeys, Settings, SiteKind};
use crate::directory::{Directory, DirectoryError};
use crate::logins;
use crate::metrics::{self, Meters};

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// The runtime or the signals.
    #[error("the process cannot be prepared")]
    Process(#[source] io::Error),
    /// The address is taken or not ours.
    #[error("`{address}` cannot be listened on")]
    Listen {
        address: std::net::SocketAddr,
        #[source]
        source: io::Error,
    },
    /// Certificate or key.
    #[error("TLS cannot be offered")]
    Tls(#[from] gateway::TlsError),
    /// The data directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The master key.
    #[error("the master key in `{}` cannot be used", path.display())]
    Vault {
        path: PathBuf,
        #[source]
        source: VaultError,
    },
    /// What was known of the time.
    #[error("what the lake knew of the time cannot be read")]
    Time(#[source] engine::Error),
    /// What vouches for the audit.
    #[error("the key of the audit cannot be opened")]
    Audit(#[source] engine::Error),
    /// Users, keys and the like.
    #[error("the lake's users and keys cannot be read")]
    Identities(#[source] engine::Error),
    /// A site.
    #[error("the site `{site}` cannot be used")]
    Site {
        site: SiteName,
        #[source]
        source: SiteError,
    },
    /// The log or the tables.
    #[error("the catalogue in `{}` cannot be opened", path.display())]
    Map {
        path: PathBuf,
        #[source]
        source: KeyValueError,
    },
    /// The rows in it.
    #[error("the catalogue cannot be read")]
    Catalogue(#[source] CatalogError),
    /// Somebody who may vouch for callers cannot be asked as configured.
    #[error(transparent)]
    Login(#[from] logins::LoginError),
    /// The gateway stopped by itself.
    #[error("the gateway stopped")]
    Gateway(#[source] io::Error),
}

/// Serves until a signal comes, on a runtime of its own.
pub(crate) fn run(settings: Settings) -> Result<(), ServeError> {
    // Where an operating system refuses this, its core dumps are its own affair.
    if let Err(error) = ambient::forbid_core_dumps() {
        tracing::warn!(%error, "core dumps cannot be forbidden; they would hold keys");
    }
    let needed = settings.limits.connections_max.saturating_add(1024) as u64;
    if let Some(files) = ambient::raise_open_files().filter(|files| *files < needed) {
        tracing::warn!(files, needed, "too few open files are allowed for the connections that are");
    }
    ambient::choose_tls_provider();
    #[cfg(feature = "testing")]
    arm_fail_point();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(ServeError::Process)?;
    runtime.block_on(serve(settings))
}

/// `TWINLAKE_FAIL_POINT=name:pass` ends the process at that pass of that point.
#[cfg(feature = "testing")]
fn arm_fail_point() {
    let variables = ambient::environment();
    let Some((_, value)) = variables.iter().find(|(name, _)| name == "TWINLAKE_FAIL_POINT") else { return };
    let (point, pass) = value.split_once(':').unwrap_or((value, "1"));
    kernel::fail_point::arm(point, pass.parse().expect("TWINLAKE_FAIL_POINT is name:pass"));
    tracing::warn!(point, pass, "armed");
}

async fn serve(settings: Settings) -> Result<(), ServeError> {
    let mut termination = Termination::listen().map_err(ServeError::Process)?;
    let address = settings.listen;
    let refused = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    let tls = match &settings.tls {
        Some(files) => Some(Tls::open(TlsFiles {
            certificate: files.cert.clone(),
            key: files.key.clone(),
            clients: settings.logins.certificates.clone(),
        })?),
        None => None,
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    let opening = Lake::open(settings, tls.clone(), address.ip().is_loopback() || tls.is_some());
    let lake = tokio::select! {
        lake = opening => lake?,
        signal = termination.next() => {
            // Nothing was promised yet, and the catalogue survives worse.
            tracing::info!(signal, "asked to go before anything was served");
            return Ok(());
        }
    };
    lake.announce(&format!("{scheme}://{address}"));
    lake.serve_until_asked_to_go(listener, tls, termination).await
}

/// A lake that is open.
struct Lake {
    map: Arc<RocksMap>,
    engine: Arc<Engine>,
    gateway: Arc<Gateway>,
    background: Vec<tokio::task::JoinHandle<()>>,
    stop: watch::Sender<bool>,
    is_draining: Arc<AtomicBool>,
    /// Keys that were made just now: shown once.
    new_keys: Option<RootKeys>,
    /// Let go of last.
    directory: Directory,
}

impl Lake {
    async fn open(settings: Settings, tls: Option<Arc<Tls>>, is_private: bool) -> Result<Self, ServeError> {
        let machine = Arc::new(MachineEntropy::new());
        let clock: Arc<dyn Clock> = Arc::new(MachineClock::new(machine.as_ref()));
        let entropy: Arc<dyn Entropy> = machine;
        if !is_private {
            tracing::warn!(
                "listening beyond this machine without TLS: keys' signatures and data can be read on the way"
            );
        }
        let (data_dir, deployment) = (settings.data_dir.clone(), settings.deployment.clone());
        let mut directory = ambient::blocking(move || Directory::open(&data_dir, deployment.as_deref())).await?;
        let vault = open_vault(&settings, &directory, &entropy)?;
        let Keys { root, is_new, metrics_token } = read_keys(&settings, &directory, entropy.as_ref())?;
        let providers = logins::open(&settings.logins, &clock)?;
        let Sites { all, home } = open_sites(&settings, &directory)?;
        let map = open_map(&settings, &directory, &clock).await?;
        let opened = Catalog::open(Arc::clone(&map) as Arc<dyn KeyValue>, entropy.as_ref(), clock.now()).await;
        let catalog = Arc::new(opened.map_err(ServeError::Catalogue)?);
        directory.settle(catalog.deployment())?;

        let blobs = Arc::new(BlobStore::new(all, vault, Arc::clone(&entropy)));
        let (catalogue, counted, gateway) = (Arc::clone(&map), Arc::clone(&blobs), OnceLock::new());
        let meters = Arc::new(Meters { catalogue, blobs: counted, home, gateway });
        // A canonical user id has 64 hex digits, and clients check that.
        let owner = hex::encode(ring::digest::digest(&ring::digest::SHA256, &catalog.deployment()));
        let engine = Engine::new(EngineParts {
            catalog,
            blobs,
            home: SiteName::home(),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            region: settings.region.clone(),
            settings: settings.engine,
        });
        engine.recall_time().await.map_err(ServeError::Time)?;
        engine.open_audit().await.map_err(ServeError::Audit)?;
        engine.open_identities(&owner).await.map_err(ServeError::Identities)?;
        engine.believe_providers(settings.logins.sessions_max.clone());
        let (stop, stopped) = watch::channel(false);
        let sweep = Sweep::new(Arc::clone(&engine), settings.sweep);
        let stale_uploads = StaleUploads::new(Arc::clone(&engine), settings.stale_uploads);
        let time = TimeKeeper::new(Arc::clone(&engine));
        let audit = AuditTrim::new(Arc::clone(&engine));
        let history = History::new(Arc::clone(&engine), settings.history);
        let idle = settings.sweep_idle;
        let mut background = vec![
            ambient::spawn(work_until_stopped(sweep, Arc::clone(&clock), idle, stopped.clone())),
            ambient::spawn(work_until_stopped(stale_uploads, Arc::clone(&clock), idle, stopped.clone())),
            ambient::spawn(work_until_stopped(history, Arc::clone(&clock), idle, stopped.clone())),
            ambient::spawn(work_until_stopped(time, Arc::clone(&clock), TIME_PAUSE, stopped.clone())),
            ambient::spawn(work_until_stopped(audit, Arc::clone(&clock), AUDIT_PAUSE, stopped.clone())),
            ambient::spawn(logins::refresh_until_stopped(Arc::clone(&providers), Arc::clone(&clock), stopped.clone())),
            ambient::spawn(reclaim_until_stopped(Arc::clone(&map), Arc::clone(&clock), stopped)),
        ];
        if let Some(tls) = tls {
            let reload = logins::reload_until_stopped(tls, Arc::clone(&clock), stop.subscribe());
            background.push(ambient::spawn(reload));
        }
        let is_draining = Arc::new(AtomicBool::new(false));
        let gateway = Gateway::new(GatewayParts {
            engine: Arc::clone(&engine),
            root: RootCredentials {
                access_key: root.access_key.clone(),
                secret_key: Secret::new(root.secret_key.to_string()),
            },
            region: settings.region,
            domains: settings.domains,
            website_domains: settings.website_domains,
            limits: settings.limits,
            clock,
            entropy,
            providers,
            metrics: Arc::new(metrics::page(Arc::clone(&meters))),
            metrics_token: Secret::new(metrics_token.to_string()),
            ready: readiness(Arc::clone(&is_draining), Arc::clone(&map)),
        });
        // Nobody asks for metrics before the gateway serves.
        let _ = meters.gateway.set(Arc::downgrade(&gateway));
        let new_keys = is_new.then_some(root);
        Ok(Self { map, engine, gateway, background, stop, is_draining, new_keys, directory })
    }

    /// Says on stdout what a person, or the program that started this one, needs to know. Whoever does not listen misses
    /// nothing but this.
    fn announce(&self, url: &str) {
        let mut lines = format!("twinlake {}: {}\n", env!("CARGO_PKG_VERSION"), self.directory.path().display());
        if let Some(keys) = &self.new_keys {
            lines.push_str(&format!(
                "root's keys, shown this once and kept in {}:\n  access key  {}\n  secret key  {}\n",
                self.directory.credentials().display(),
                keys.access_key,
                keys.secret_key.as_str(),
            ));
        }
        lines.push_str(&format!("listening on {url}\n"));
        let mut stdout = io::stdout().lock();
        if let Err(error) = stdout.write_all(lines.as_bytes()).and_then(|()| stdout.flush()) {
            tracing::warn!(%error, "nobody reads stdout");
        }
        tracing::info!(url, data_dir = %self.directory.path().display(), "ready");
    }

    async fn serve_until_asked_to_go(
        self,
        listener: TcpListener,
        tls: Option<Arc<Tls>>,
        mut termination: Termination,
    ) -> Result<(), ServeError> {
        let Self { map, engine, gateway, background, stop, is_draining, directory, .. } = self;
        let asked_to_go = async move {
            let signal = termination.next().await;
            tracing::info!(signal, "asked to go: requests under way may finish");
            is_draining.store(true, Ordering::Relaxed);
            ambient::spawn(async move {
                let signal = termination.next().await;
                tracing::warn!(signal, "asked again: gone at once");
                ambient::exit_at_once();
            });
        };
        let served = gateway.serve(listener, tls, asked_to_go).await.map_err(ServeError::Gateway);
        // Whoever works in the background sees it at the next step, or is gone already.
        let _ = stop.send(true);
        for task in background {
            if task.await.is_err() {
                tracing::error!("a task in the background ended by a defect");
            }
        }
        if let Err(error) = engine.close_audit().await {
            tracing::error!(error = &error as &(dyn std::error::Error + 'static), "counts of refusals are not written");
        }
        map.close().await;
        drop(directory);
        tracing::info!("closed");
        served
    }
}

/// What the lake answers when it is asked whether it serves.
fn readiness(is_draining: Arc<AtomicBool>, map: Arc<RocksMap>) -> Arc<dyn Fn() -> Result<(), String> + Send + Sync> {
    Arc::new(move || match map.failure() {
        Some(failure) => Err(failure.to_string()),
        None if is_draining.load(Ordering::Relaxed) => Err("going".to_owned()),
        None => Ok(()),
    })
}

/// How often what the audit counts is written.
const AUDIT_PAUSE: std::time::Duration = std::time::Duration::from_secs(1);
/// How often the time is looked at.
const TIME_PAUSE: std::time::Duration = std::time::Duration::from_secs(10);

/// How often the catalogue is asked to give back what deleted rows take.
const RECLAIM_PAUSE: std::time::Duration = std::time::Duration::from_secs(60);

/// Gives space back again and again.
async fn reclaim_until_stopped(map: Arc<RocksMap>, clock: Arc<dyn Clock>, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = clock.sleep(RECLAIM_PAUSE) => {}
            _ = stopped.changed() => return,
        }
        if let Err(error) = map.reclaim().await {
            tracing::warn!(error = &error as &(dyn std::error::Error + 'static), "no space was given back");
        }
    }
}

/// Works step by step, resting when there is nothing to do or nothing can be done.
async fn work_until_stopped<W: Background>(
    mut work: W,
    clock: Arc<dyn Clock>,
    idle: std::time::Duration,
    mut stopped: watch::Receiver<bool>,
) {
    while !*stopped.borrow() {
        match work.step().await {
            Ok(Progress::Worked) => continue,
            Ok(Progress::Idle) => {}
            Err(error) => tracing::warn!(
                work = W::NAME,
                error = &error as &(dyn std::error::Error + 'static),
                "work in the background rests"
            ),
        }
        tokio::select! {
            () = clock.sleep(idle) => {}
            changed = stopped.changed() => if changed.is_err() { return },
        }
    }
}

fn open_vault(
    settings: &Settings,
    directory: &Directory,
    entropy: &Arc<dyn Entropy>,
) -> Result<Arc<dyn KeyVault>, ServeError> {
    let path = settings.master_key_file.clone().unwrap_or_else(|| directory.master_key());
    directory.expect_whole(&path, home_directory(settings, directory).map(|home| home.join("blobs")).as_deref())?;
    let opened = if directory.is_fresh() {
        FileVault::open_or_create(&path, Arc::clone(entropy))
    } else {
        FileVault::open(&path, Arc::clone(entropy))
    };
    let vault = opened.map_err(|source| ServeError::Vault { path: path.clone(), source })?;
    if path.starts_with(directory.path()) {
        tracing::warn!(
            master_key_file = %path.display(),
            "the master key lies beside the data: who copies the directory can read it; --master-key-file puts it elsewhere"
        );
    }
    Ok(Arc::new(vault))
}

struct Keys {
    root: RootKeys,
    is_new: bool,
    metrics_token: Zeroizing<String>,
}

fn read_keys(settings: &Settings, directory: &Directory, entropy: &dyn Entropy) -> Result<Keys, ServeError> {
    let (root, is_new) = match &settings.root {
        Some(root) => (root.clone(), false),
        None => directory.root_keys(entropy)?,
    };
    Ok(Keys { root, is_new, metrics_token: directory.metrics_token(entropy)? })
}

struct Sites {
    all: BTreeMap<SiteName, Arc<dyn Site>>,
    /// Home, where it is a directory.
    home: Option<Arc<LocalSite>>,
}

/// The directory of the home site; none where the operator put it on an object store.
fn home_directory(settings: &Settings, directory: &Directory) -> Option<PathBuf> {
    match settings.sites.iter().find(|site| site.name == SiteName::home()).map(|site| &site.kind) {
        None => Some(directory.path().to_owned()),
        Some(SiteKind::Local { path }) => Some(path.clone()),
        Some(SiteKind::ObjectStore { .. }) => None,
    }
}

fn open_sites(settings: &Settings, directory: &Directory) -> Result<Sites, ServeError> {
    let local = |name: &SiteName, path: &Path| {
        LocalSite::open(LocalSettings::new(path)).map_err(|source| ServeError::Site { site: name.clone(), source })
    };
    let mut sites = Sites { all: BTreeMap::new(), home: None };
    for site in &settings.sites {
        let opened: Arc<dyn Site> = match &site.kind {
            // Home is opened below.
            SiteKind::Local { .. } if site.name == SiteName::home() => continue,
            SiteKind::Local { path } => local(&site.name, path)?,
            SiteKind::ObjectStore { url, options } => {
                let options: Vec<_> = options.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
                let refused = |source| ServeError::Site { site: site.name.clone(), source };
                ObjectStoreSite::from_url(url, &options).map_err(refused)?
            }
        };
        sites.all.insert(site.name.clone(), opened);
    }
    if let Some(path) = home_directory(settings, directory) {
        let home = local(&SiteName::home(), &path)?;
        sites.home = Some(Arc::clone(&home));
        sites.all.insert(SiteName::home(), home);
    }
    Ok(sites)
}

async fn open_map(
    settings: &Settings,
    directory: &Directory,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<RocksMap>, ServeError> {
    let settings = RocksSettings {
        directory: directory.catalogue(),
        block_cache_bytes: settings.catalogue.cache_bytes,
        group_bytes_max: settings.catalogue.group_bytes_max,
        group_batches_max: settings.catalogue.group_batches_max,
    };
    let (path, clock) = (directory.catalogue(), Arc::clone(clock));
    let opened = ambient::blocking(move || RocksMap::open(settings, clock)).await;
    opened.map_err(|source| ServeError::Map { path, source })
}
