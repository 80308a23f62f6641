//! Opaque names that the daemon gives to what it keeps.
//!
//! An id is a prefix that says what it names and 80 random bits; clients must not read more into it.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// A new id, different from every other.
            #[must_use]
            pub fn random() -> Self {
                Self(random_name($prefix))
            }

            /// Whether it could have been made here; who uses it in a path has to ask.
            #[must_use]
            pub fn is_well_formed(&self) -> bool {
                is_well_formed(&self.0, $prefix)
            }

            /// The id as it travels.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            /// Takes whatever a client sent: an id that names nothing is found out by the look-up.
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// Names a session.
    SessionId,
    "ses_"
);
id!(
    /// Names an execution.
    ExecutionId,
    "exe_"
);
id!(
    /// Names a live interpreter.
    ContextId,
    "ctx_"
);
id!(
    /// Names something that is debugged.
    DebugId,
    "dbg_"
);
id!(
    /// Names a port of a sandbox that is open to the host.
    PortId,
    "prt_"
);
id!(
    /// Names one run of the daemon.
    InstanceId,
    "ins_"
);

/// Crockford's base 32: no letter that reads like another, and safe in paths and URLs.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A name that begins like this, and that nobody can guess.
#[must_use]
pub fn random_name(prefix: &str) -> String {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).expect("the kernel gives random bytes");
    let mut name = String::from(prefix);
    name.extend(bytes.iter().map(|byte| ALPHABET[usize::from(byte & 31)] as char));
    name
}

fn is_well_formed(name: &str, prefix: &str) -> bool {
    let random = name.strip_prefix(prefix).map(str::as_bytes);
    random.is_some_and(|random| random.len() == 16 && random.iter().all(|letter| ALPHABET.contains(letter)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_say_what_they_name_and_differ() {
        let (one, two) = (SessionId::random(), SessionId::random());
        assert!(one.as_str().starts_with("ses_"));
        assert_eq!(one.as_str().len(), 20);
        assert_ne!(one, two);
        assert!(one.is_well_formed());
        for other in ["", "ses_", "exe_0000000000000000", "ses_000000000000000/", "ses_00000000000000000"] {
            assert!(!SessionId::from(other.to_owned()).is_well_formed(), "{other}");
        }
    }
}
