//! Sandboxes that are made to find something out: whether one stands, what it takes, and whether an engine sees
//! this host's files.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use codebeaker_agent::plan::WORKSPACE;

use super::Oci;
use super::create::refused;
use super::images::Choice;
use super::machine::{Machine, copy_instead};
use crate::agent::wire::{FileOp, FileReply};
use crate::agent::{Link, LinkError};
use crate::causes;
use crate::config::Limits;
use crate::container::BindMount;
use crate::runtime::{Keeper, RuntimeError, Sandbox, SandboxSpec};
use crate::sandbox::probe::Cause;

/// How long a sandbox that is tried may take to stand.
const PATIENCE: Duration = Duration::from_secs(20);

/// The file by which an engine shows that it sees this host's files, and how much is in it.
const TOKEN: &str = "token";
const TOKEN_BYTES: usize = 32;

impl Machine {
    /// Makes a sandbox of the first engine's image that there is, and measures it. `None` when there is no image.
    ///
    /// # Errors
    /// Why it doesn't stand.
    pub async fn try_out(self: &Arc<Self>, oci: Oci) -> Option<Result<(), Cause>> {
        let seen = self.seen().await.ok()?;
        self.choose(&seen, None, None).ok()?;
        let tried = async {
            let sandbox = self.create(&trial(), oci).await.map_err(|error| of_runtime(&error))?;
            let (link, mut keeper) =
                stand(sandbox).await.map_err(|error| Cause { reason: error.to_string(), fix: None })?;
            // Counted in the background when it is first asked for.
            let memory = async {
                loop {
                    if let Some(bytes) = keeper.usage().memory_bytes {
                        return bytes;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            let memory = tokio::time::timeout(Duration::from_secs(3), memory).await.ok();
            link.close("it was tried");
            keeper.destroy().await;
            self.measure(oci, None, memory);
            Ok(())
        };
        Some(tried.await)
    }

    /// Finds out, once, whether the engine sees this host's files: by having it show a file that nobody can guess.
    pub(super) async fn must_share_files(self: &Arc<Self>, image: &Choice) -> Result<(), RuntimeError> {
        let shares = self.shares_files.get_or_try_init(|| async {
            for directory in places_to_look() {
                let Ok(shown) = Shown::new(&directory) else { continue };
                if self.shows(&shown, image).await? {
                    return Ok(true);
                }
            }
            Ok(false)
        });
        match shares.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(RuntimeError::Refused(copy_instead("its engine doesn't see this machine's directories"))),
            Err(error) => Err(error),
        }
    }

    async fn shows(self: &Arc<Self>, shown: &Shown, image: &Choice) -> Result<bool, RuntimeError> {
        let asked = Instant::now();
        let engine = self.engine().await.map_err(refused)?;
        let seen = self.seen().await.map_err(refused)?;
        let spec = SandboxSpec { image: Some(image.id.clone()), ..trial() };
        // A workspace that is bound would lead here again.
        let mut draft = Box::pin(self.draft(&engine, &seen, &spec, Oci::Default)).await?;
        draft.container.tmpfs.retain(|tmpfs| tmpfs.path != Path::new(WORKSPACE));
        draft.container.binds =
            vec![BindMount { source: shown.directory.clone(), target: WORKSPACE.into(), writable: false }];
        let sandbox = match self.make(engine, draft, Oci::Default, asked).await {
            Ok(sandbox) => sandbox,
            // Such as that there is no such directory.
            Err(error) => {
                tracing::debug!(%error, "the engine doesn't bind {}", shown.directory.display());
                return Ok(false);
            }
        };
        let (link, mut keeper) = stand(sandbox)
            .await
            .map_err(|error| refused(Cause { reason: format!("its containers don't stand: {error}"), fix: None }))?;
        let read = FileOp::Read { path: TOKEN.into(), offset: 0, max: TOKEN_BYTES as u32 };
        let answer = tokio::time::timeout(PATIENCE, link.file(read)).await;
        link.close("it was tried");
        keeper.destroy().await;
        Ok(matches!(answer, Ok(Ok(FileReply::Data { data, .. })) if data == shown.token))
    }
}

/// As little as a sandbox can be.
fn trial() -> SandboxSpec {
    let limits = Limits { disk_bytes: 4 << 20, ..Limits::default() };
    SandboxSpec { limits, hostname: "sandbox".to_owned(), ..SandboxSpec::default() }
}

async fn stand(sandbox: Sandbox) -> Result<(Link, Box<dyn Keeper>), LinkError> {
    let Sandbox { reader, writer, mut keeper, .. } = sandbox;
    let opened = tokio::time::timeout(PATIENCE, Link::open(reader, writer)).await;
    let late = |_| LinkError::Lost(format!("it was not ready after {} s", PATIENCE.as_secs()));
    match opened.map_err(late).and_then(|opened| opened) {
        Ok((link, _)) => Ok((link, keeper)),
        Err(error) => {
            keeper.destroy().await;
            Err(error)
        }
    }
}

fn of_runtime(error: &RuntimeError) -> Cause {
    match error {
        RuntimeError::Refused(refusal) => Cause { reason: refusal.reason.clone(), fix: refusal.fix.clone() },
        other => Cause { reason: causes::in_full(other), fix: None },
    }
}

/// Directories for a moment's file. Some engines see only their own of the first.
fn places_to_look() -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    [Some(std::env::temp_dir()), cache].into_iter().flatten().collect()
}

/// A directory with a file that says what nobody can guess. It goes with this.
struct Shown {
    directory: PathBuf,
    token: Vec<u8>,
}

impl Shown {
    fn new(parent: &Path) -> io::Result<Self> {
        let mut token = vec![0; TOKEN_BYTES];
        getrandom::fill(&mut token).map_err(io::Error::other)?;
        let name = token[..8].iter().fold(".codebeaker-".to_owned(), |name, byte| name + &format!("{byte:02x}"));
        let directory = parent.canonicalize()?.join(name);
        std::fs::create_dir(&directory)?;
        let shown = Self { directory, token: token.split_off(8) };
        // Readable for the container's user, whoever that is on this host.
        std::fs::set_permissions(&shown.directory, PermissionsExt::from_mode(0o755))?;
        let file = shown.directory.join(TOKEN);
        std::fs::write(&file, &shown.token)?;
        std::fs::set_permissions(file, PermissionsExt::from_mode(0o644))?;
        Ok(shown)
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.directory) {
            tracing::debug!(%error, "{} is left", self.directory.display());
        }
    }
}
