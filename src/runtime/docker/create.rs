//! Makes the container that a draft describes, and hands its stream over.
//!
//! However this ends, by an error, by success, or because nobody waits for it any more, no container is left that
//! nobody holds: each is held from the moment when the engine has made it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use codebeaker_agent::plan::Confinement;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::sync::oneshot;

use super::Oci;
use super::draft::Draft;
use super::keeper::{self, ContainerKeeper};
use super::machine::{Machine, cause_of};
use crate::container::ContainerError;
use crate::container::engine::{Attached, ContainerEngine};
use crate::runtime::{Keeper, Lack, Programs, Reader, Refusal, RuntimeError, Sandbox, SandboxSpec};
use crate::sandbox::probe::Cause;

impl Machine {
    /// Makes a sandbox here.
    ///
    /// # Errors
    /// When it can't even be started, with what to do about that; nothing is left then.
    pub async fn create(self: &Arc<Self>, spec: &SandboxSpec, oci: Oci) -> Result<Sandbox, RuntimeError> {
        let asked = Instant::now();
        let engine = self.engine().await.map_err(refused)?;
        let seen = self.seen().await.map_err(refused)?;
        self.can(oci).map_err(refused)?;
        self.check_workspace(&spec.workspace).map_err(RuntimeError::Refused)?;
        let draft = self.draft(&engine, &seen, spec, oci).await?;
        let image = draft.container.image.clone();
        let failed = match self.make(engine.clone(), draft, oci, asked).await {
            Ok(sandbox) => return Ok(sandbox),
            Err(error) => error,
        };
        // Another daemon may have taken the agent for one that nobody needs any more.
        if !self.had_lost_agent(&engine, &image).await {
            return Err(failed);
        }
        let draft = self.draft(&engine, &seen, spec, oci).await?;
        self.make(engine, draft, oci, asked).await
    }

    /// Makes the container of a draft.
    pub(super) async fn make(
        self: &Arc<Self>,
        engine: ContainerEngine,
        draft: Draft,
        oci: Oci,
        asked: Instant,
    ) -> Result<Sandbox, RuntimeError> {
        let (sender, receiver) = oneshot::channel();
        // An engine that has begun to make a container ends that, whether or not anybody still listens. So does
        // this, and gives up what nobody waits for.
        let machine = Arc::clone(self);
        self.works.begin(async move { machine.make_for(sender, engine, draft, oci, asked).await });
        let stopping = |_| RuntimeError::Unavailable { reason: "the daemon stops".to_owned() };
        receiver.await.map_err(stopping)?
    }

    async fn make_for(
        self: Arc<Self>,
        mut sender: oneshot::Sender<Result<Sandbox, RuntimeError>>,
        engine: ContainerEngine,
        draft: Draft,
        oci: Oci,
        asked: Instant,
    ) {
        if self.works.is_stopped() {
            return;
        }
        let made = match engine.create(&draft.container).await {
            Ok(id) => {
                let mut keeper = ContainerKeeper::new(Arc::clone(&self), engine, id, draft.outlives);
                keeper.bound_memory(draft.container.bounds.memory_bytes);
                let start = self.works.unless_stopped(self.start(draft, oci, asked, keeper));
                // With the future goes the keeper, and with that the container.
                tokio::select! {
                    made = start => match made {
                        Some(made) => made,
                        None => return,
                    },
                    () = sender.closed() => return,
                }
            }
            Err(error) => {
                if error.is_away() {
                    let (machine, container) = (Arc::clone(&self), draft.container.clone());
                    self.works.begin(async move { keeper::remove_unheard_of(&machine, &engine, &container).await });
                }
                Err(self.explain(error, &draft).await)
            }
        };
        // Likewise where this comes too late.
        drop(sender.send(made));
    }

    async fn start(
        self: &Arc<Self>,
        draft: Draft,
        oci: Oci,
        asked: Instant,
        mut keeper: ContainerKeeper,
    ) -> Result<Sandbox, RuntimeError> {
        let mut attached = match brought_up(&keeper).await {
            Ok(attached) => attached,
            Err(error) => {
                keeper.destroy().await;
                return Err(self.explain(error, &draft).await);
            }
        };
        let words = on_the_wire(&draft.confinement)?;
        attached.writer.write_all(&words).await.map_err(RuntimeError::Stream)?;
        attached.writer.flush().await.map_err(RuntimeError::Stream)?;
        keeper.listen_to(attached.complaint);
        let machine = Arc::clone(self);
        let stands = move || machine.measure(oci, Some(asked.elapsed()), None);
        Ok(Sandbox {
            reader: Box::new(FirstWord { inner: attached.reader, heard: Some(Box::new(stands)) }),
            writer: attached.writer,
            programs: Programs::Image { id: draft.container.image, path: draft.path },
            machine: Some(self.name().to_owned()),
            unfilled: draft.unfilled,
            enforcement: draft.enforcement,
            keeper: Box::new(keeper),
        })
    }

    /// What an engine's refusal means, and what is no longer to be believed after it.
    async fn explain(&self, error: ContainerError, draft: &Draft) -> RuntimeError {
        self.failed(&error);
        if let ContainerError::NoImage { .. } = error {
            // It was there a moment ago.
            self.look().await;
            let reason = format!("there is no image {} any more", draft.image_name);
            return RuntimeError::Refused(Refusal { lack: Lack::Image, reason, fix: error.fix() });
        }
        // The volume may have been removed; then the engine has made an empty one of that name.
        self.doubt_agent_volume().await;
        refused(cause_of(&error))
    }
}

async fn brought_up(keeper: &ContainerKeeper) -> Result<Attached, ContainerError> {
    let attached = keeper.engine().attach(keeper.id()).await?;
    keeper.engine().start(keeper.id()).await?;
    Ok(attached)
}

/// The machine can't, for this cause.
pub(super) fn refused(Cause { reason, fix }: Cause) -> RuntimeError {
    RuntimeError::Refused(Refusal { lack: Lack::Machine, reason, fix })
}

/// As the agent reads it: its length, then itself.
fn on_the_wire(confinement: &Confinement) -> Result<Vec<u8>, RuntimeError> {
    let words = postcard::to_stdvec(confinement).map_err(|error| RuntimeError::Launch(error.into()))?;
    let length = u32::try_from(words.len()).unwrap_or(u32::MAX).to_le_bytes();
    Ok([&length[..], &words].concat())
}

/// A reader that tells of the first byte: the agent's first word says that the sandbox stands.
struct FirstWord {
    inner: Reader,
    heard: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl AsyncRead for FirstWord {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        if buf.filled().len() > before
            && let Some(heard) = self.heard.take()
        {
            heard();
        }
        read
    }
}
