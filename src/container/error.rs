//! What can go wrong between us and a container engine.

use std::error::Error;
use std::time::Duration;

use super::engine::ApiVersion;

/// What an error of the connection came from.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Why an engine didn't do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// Nobody answers at its address.
    #[error("the container engine at {address} can't be reached")]
    Unreachable {
        /// Where.
        address: String,
        /// What the connection said.
        #[source]
        source: Cause,
    },
    /// The keys or certificates for it can't be used.
    #[error("the certificates for the container engine at {address} can't be used")]
    Certificates {
        /// Where.
        address: String,
        /// What is wrong with them.
        #[source]
        source: Cause,
    },
    /// It speaks no version of the interface that we do.
    #[error("the container engine {engine} speaks version {spoken} of the interface, and {needed} is needed")]
    TooOld {
        /// Its own version.
        engine: String,
        /// The newest version of the interface that it speaks.
        spoken: ApiVersion,
        /// The oldest that we speak.
        needed: ApiVersion,
    },
    /// It speaks only versions that are newer than ours.
    #[error(
        "the container engine {engine} speaks version {spoken} of the interface and later, and {known} is known here"
    )]
    TooNew {
        /// Its own version.
        engine: String,
        /// The oldest version of the interface that it speaks.
        spoken: ApiVersion,
        /// The newest that we speak.
        known: ApiVersion,
    },
    /// It has no such image.
    #[error("the container engine has no image {image}")]
    NoImage {
        /// As it was asked for.
        image: String,
    },
    /// It has no such container.
    #[error("the container engine has no container {container}")]
    NoContainer {
        /// As it was asked for.
        container: String,
    },
    /// What is there already is in the way, such as a name that is taken.
    #[error("the container engine has a conflict: {message}")]
    Conflict {
        /// The engine's words.
        message: String,
    },
    /// It doesn't want to, or can't.
    #[error("the container engine refused ({status}): {message}")]
    Refused {
        /// Its answer's status.
        status: u16,
        /// Its words.
        message: String,
    },
    /// A pull or a build failed on its way.
    #[error("{message}")]
    Failed {
        /// The engine's words.
        message: String,
    },
    /// It took too long.
    #[error("the container engine did not answer within {} s when asked to {asked}", .after.as_secs())]
    Deadline {
        /// What it was asked to do.
        asked: &'static str,
        /// How long it had.
        after: Duration,
    },
    /// The connection broke, or what came over it made no sense.
    #[error("the connection to the container engine broke when it was asked to {asked}")]
    Broken {
        /// What it was asked to do.
        asked: &'static str,
        /// What the connection said.
        #[source]
        source: Cause,
    },
    /// It answered with less than it has to.
    #[error("the container engine's answer lacks {what}")]
    Incomplete {
        /// What is missing.
        what: &'static str,
    },
    /// The agent can't be put where containers get it from.
    #[error("the agent can't be delivered through the volume {volume}: {reason}")]
    Delivery {
        /// The volume.
        volume: String,
        /// In a few words.
        reason: &'static str,
    },
}

impl ContainerError {
    /// Whether the engine itself is away, at least for now: the same may work later.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Deadline { .. } | Self::Broken { .. })
    }

    /// What a person should do about it: commands where there are any.
    #[must_use]
    pub fn fix(&self) -> Option<String> {
        Some(match self {
            Self::Unreachable { source, .. } if kind_of(source) == Some(std::io::ErrorKind::PermissionDenied) => {
                "add yourself to the group that owns the socket (`sudo usermod -aG docker $USER`), then log in again"
                    .to_owned()
            }
            Self::Unreachable { .. } => {
                "start the engine (`sudo systemctl start docker`), or name the right one with DOCKER_HOST, with \
                 `docker context use`, or in the settings; `docker version` shows whether it answers"
                    .to_owned()
            }
            Self::Certificates { .. } => "put ca.pem, cert.pem and key.pem where the address says they are, \
                                          readable for you"
                .to_owned(),
            Self::TooOld { .. } => {
                "update the container engine; Docker 20.10 is the oldest that can be used".to_owned()
            }
            Self::TooNew { .. } => "update codebeaker".to_owned(),
            Self::NoImage { image } => format!("`docker pull {image}`, or build it"),
            Self::Refused { message, .. } | Self::Failed { message } if message.contains(NO_ROOM) => {
                "make room on the engine's disk: `docker system df` shows what takes it, `docker system prune` removes \
                 what nothing uses"
                    .to_owned()
            }
            _ => return None,
        })
    }
}

/// What engines pass on of the kernel's words when their disk is full.
const NO_ROOM: &str = "no space left on device";

/// The kind of the first error of input and output among the causes.
fn kind_of(cause: &Cause) -> Option<std::io::ErrorKind> {
    let first: &(dyn Error + 'static) = cause.as_ref();
    std::iter::successors(Some(first), |&error| error.source())
        .find_map(|error| error.downcast_ref::<std::io::Error>())
        .map(std::io::Error::kind)
}
