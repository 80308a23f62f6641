//! What can go wrong with images, each with what to do about it.

use crate::container::ContainerError;
use crate::container::address::AddressError;

/// Why an image isn't there, or still is.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The settings say that no engine is to be asked.
    #[error("container engines are switched off in the settings")]
    Off,
    /// No machine has this name.
    #[error("there is no machine called {name:?}; there are {known}")]
    NoMachine {
        /// As it was asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// A machine's address is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// No image can be called so.
    #[error("{name:?} is no name of an image")]
    NoName {
        /// As it was asked for.
        name: String,
    },
    /// The settings don't allow it to be fetched.
    #[error("the settings don't allow {image} to be fetched")]
    NotAllowed {
        /// Its name.
        image: String,
    },
    /// No Dockerfile for this engine comes along.
    #[error("there is no Dockerfile for {engine}")]
    NoRecipe {
        /// The engine's id.
        engine: &'static str,
    },
    /// No machine that was asked has it.
    #[error("there is no image {image}")]
    Missing {
        /// As it was asked for.
        image: String,
    },
    /// Whoever asked for it wants it no more.
    #[error("it was given up: {why}")]
    GivenUp {
        /// What came.
        why: &'static str,
    },
    /// Something needs it.
    #[error("{image} is in use on {machine}: {message}")]
    InUse {
        /// As it was asked for.
        image: String,
        /// Where.
        machine: String,
        /// The engine's words.
        message: String,
    },
    /// Its registry doesn't have it, or can't be reached.
    #[error("{image} can't be fetched on {machine}")]
    NotFetched {
        /// Its name.
        image: String,
        /// Where.
        machine: String,
        /// Whether the registry answered that there is none.
        is_unknown: bool,
        /// What the engine said.
        #[source]
        source: Box<ContainerError>,
    },
    /// A step of a build failed.
    #[error("the image for {engine} can't be built on {base} by {machine}")]
    NotBuilt {
        /// The engine's id.
        engine: &'static str,
        /// What it was to be built upon.
        base: String,
        /// Where.
        machine: String,
        /// What was printed last.
        printed: Vec<String>,
        /// What the engine said.
        #[source]
        source: Box<ContainerError>,
    },
    /// The engine is away, or refuses.
    #[error(transparent)]
    Engine(#[from] ContainerError),
}

impl ImageError {
    /// Away is away, whatever was asked for.
    pub(super) fn of_pull(image: &str, machine: &str, source: ContainerError) -> Self {
        if source.is_away() {
            return source.into();
        }
        let words = source.to_string().to_lowercase();
        // A registry that wants to be logged in to says so of names that it has none of, too.
        let unknown = ["not found", "does not exist", "manifest unknown", "no image", "name unknown"];
        let is_unknown = unknown.iter().any(|word| words.contains(word));
        Self::NotFetched { image: image.to_owned(), machine: machine.to_owned(), is_unknown, source: source.into() }
    }

    pub(super) fn of_build(
        engine: &'static str,
        base: &str,
        machine: &str,
        source: ContainerError,
        printed: Vec<String>,
    ) -> Self {
        if source.is_away() {
            return source.into();
        }
        let (base, machine) = (base.to_owned(), machine.to_owned());
        Self::NotBuilt { engine, base, machine, printed, source: source.into() }
    }

    /// What a person should do about it: commands where there are any.
    #[must_use]
    pub fn fix(&self) -> Option<String> {
        Some(match self {
            Self::Off => "say `enabled = true` in the section `[docker]` of the settings file".to_owned(),
            Self::NoMachine { .. } | Self::NoRecipe { .. } | Self::GivenUp { .. } => return None,
            Self::Address(_) => "correct the address in the settings file or in DOCKER_HOST".to_owned(),
            Self::NoName { .. } => "write it as NAME:TAG or REGISTRY/NAME:TAG, such as python:3.12-slim".to_owned(),
            Self::NotAllowed { .. } => "add a pattern for it to `docker.allow` of the settings file".to_owned(),
            Self::Missing { .. } => "`codebeaker image list` names those that there are".to_owned(),
            Self::InUse { message, .. } if message.contains("cannot be forced") => {
                "close the sessions that use it, and try again".to_owned()
            }
            Self::InUse { .. } => "close the sessions that use it, or say `force`".to_owned(),
            Self::NotFetched { is_unknown: true, .. } => {
                "check the name and the tag; where the registry wants credentials, fetch it with `docker login` and \
                 `docker pull`, since codebeaker has none"
                    .to_owned()
            }
            Self::NotFetched { .. } => {
                "see that the engine's machine reaches the registry; `scripts/images.sh` makes images without any"
                    .to_owned()
            }
            Self::NotBuilt { engine, .. } => format!(
                "name an image that has {engine} already with `base` (`--base`), or make one without any registry: \
                 `scripts/images.sh {engine}`"
            ),
            Self::Engine(error) => return error.fix(),
        })
    }

    /// What a build printed before it failed.
    #[must_use]
    pub fn printed(&self) -> &[String] {
        match self {
            Self::NotBuilt { printed, .. } => printed,
            _ => &[],
        }
    }
}
