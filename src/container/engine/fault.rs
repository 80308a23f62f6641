//! What the client for Docker's interface says went wrong, in our words.

use bollard::errors::Error;

use crate::container::ContainerError;
use crate::container::address::Address;

/// What went wrong before the engine had answered anything.
pub(super) fn connecting(address: &Address, error: Error) -> ContainerError {
    match asking(address, "tell its version", error) {
        ContainerError::Broken { source, .. } => ContainerError::Unreachable { address: address.to_string(), source },
        other => other,
    }
}

/// What went wrong when the engine was asked to do something.
pub(super) fn asking(address: &Address, asked: &'static str, error: Error) -> ContainerError {
    let unreachable = |source| ContainerError::Unreachable { address: address.to_string(), source };
    match error {
        Error::DockerResponseServerError { status_code, message } => refused(status_code, message),
        Error::DockerStreamError { error } => failed(error),
        Error::SocketNotFoundError(_) => {
            unreachable(std::io::Error::new(std::io::ErrorKind::NotFound, "there is no such socket").into())
        }
        Error::HyperLegacyError { err } if err.is_connect() => unreachable(err.into()),
        Error::RequestTimeoutError => unreachable(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        Error::CertPathError { .. }
        | Error::CertMultipleKeys { .. }
        | Error::CertParseError { .. }
        | Error::NoNativeCertsError { .. }
        | Error::LoadNativeCertsErrors { .. } => {
            ContainerError::Certificates { address: address.to_string(), source: error.into() }
        }
        other => ContainerError::Broken { asked, source: other.into() },
    }
}

/// The engine's words tell which thing is missing; its status alone doesn't.
fn refused(status: u16, message: String) -> ContainerError {
    let named = |phrase: &str| {
        let (_, name) = message.split_once(phrase)?;
        Some(name.trim().trim_matches('"').to_owned())
    };
    match status {
        404 => {
            if let Some(container) = named("No such container:") {
                return ContainerError::NoContainer { container };
            }
            if let Some(image) = named("No such image:") {
                return ContainerError::NoImage { image };
            }
            ContainerError::Refused { status, message }
        }
        409 => ContainerError::Conflict { message },
        _ => ContainerError::Refused { status, message },
    }
}

fn failed(message: String) -> ContainerError {
    ContainerError::Failed { message: message.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_image_is_told_from_a_missing_container() {
        let image = refused(404, "No such image: codebeaker/none:latest".to_owned());
        assert!(matches!(image, ContainerError::NoImage { image } if image == "codebeaker/none:latest"));
        let container = refused(404, "No such container: abc".to_owned());
        assert!(matches!(container, ContainerError::NoContainer { container } if container == "abc"));
        let other = refused(404, "page not found".to_owned());
        assert!(matches!(other, ContainerError::Refused { status: 404, message } if message == "page not found"));
    }
}
