//! Places that code is isolated in, and one list of behaviours for all of them.

use serde_json::{Value, json};

use super::engine::{Engine, RUNSC};
use super::skip::skip;
use super::{Client, Setup};

/// Where sessions of a test are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In namespaces of this kernel.
    Native,
    /// In containers.
    Docker,
    /// In containers with a kernel of their own.
    Gvisor,
}

/// Makes a test of each behaviour in each place: `native::NAME`, `docker::NAME` and `gvisor::NAME` for `MODULE::NAME`.
macro_rules! in_each_place {
    ($($module:ident :: { $($behaviour:ident),+ $(,)? })+) => {
        $crate::harness::place::in_place!(native Native, $($module :: { $($behaviour),+ })+);
        $crate::harness::place::in_place!(docker Docker, $($module :: { $($behaviour),+ })+);
        $crate::harness::place::in_place!(gvisor Gvisor, $($module :: { $($behaviour),+ })+);
    };
}
pub(crate) use in_each_place;

/// Makes a test of each behaviour in one place, in a module of this name.
macro_rules! in_place {
    ($tests:ident $name:ident, $($module:ident :: { $($behaviour:ident),+ $(,)? })+) => {
        mod $tests {
            $($(
                #[test]
                fn $behaviour() {
                    $crate::harness::place::Place::$name.test(crate::$module::$behaviour);
                }
            )+)+
        }
    };
}
pub(crate) use in_place;

impl Place {
    /// The runtime that it is, as clients see it.
    pub(crate) fn runtime(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Docker => "docker",
            Self::Gvisor => "gvisor",
        }
    }

    /// Whether its sandboxes are containers of an engine.
    pub(crate) fn has_containers(self) -> bool {
        self != Self::Native
    }

    /// The engine that its containers are on; for places that have one.
    pub(crate) fn engine(self) -> &'static Engine {
        Engine::given().expect("a test of this place runs only with an engine")
    }

    /// Tests it, where it can be had here; else says why not.
    pub(crate) fn test(self, behaviour: impl FnOnce(Self)) {
        match self.missing() {
            None => behaviour(self),
            Some(reason) => skip(&reason),
        }
    }

    fn missing(self) -> Option<String> {
        if !self.has_containers() {
            return None;
        }
        let engine = match Engine::given() {
            Ok(engine) => engine,
            Err(reason) => return Some(reason.to_owned()),
        };
        if self == Self::Gvisor && !engine.has_runtime(RUNSC) {
            return Some(format!("{} has no OCI runtime {RUNSC}", engine.address()));
        }
        let images = ["python", "node", "bash"].map(|engine| format!("codebeaker/{engine}:latest"));
        let missing = images.into_iter().find(|image| !engine.has_image(image))?;
        Some(format!("{} has no image {missing}: scripts/images.sh makes it", engine.address()))
    }

    /// A daemon that has this place, and no engine where it needs none.
    pub(crate) fn setup(self) -> Setup {
        if self.has_containers() { Setup::default().engine(self.engine()) } else { Setup::default() }
    }

    /// That daemon, with every feature.
    pub(crate) fn client(self) -> Client {
        self.setup().initialized()
    }

    /// What makes a session in this place, with Python where nothing else is asked for.
    pub(crate) fn wish(self, more: Value) -> Value {
        let mut wish = json!({"runtime": self.runtime(), "language": "python"});
        let more = more.as_object().expect("it is an object").clone();
        wish.as_object_mut().expect("it is an object").extend(more);
        wish
    }

    /// Makes a session in this place and returns its id.
    pub(crate) fn session(self, client: &mut Client, more: Value) -> String {
        client.create_session(self.wish(more))
    }

    /// A daemon with one session in this place.
    pub(crate) fn open(self, more: Value) -> (Client, String) {
        let mut client = self.client();
        let session = self.session(&mut client, more);
        (client, session)
    }
}
