//! Which image a sandbox is made of.

use std::path::Path;

use codebeaker_agent::plan::{CODE, WORKSPACE};

use crate::config::DockerSettings;
use crate::container::delivery;
use crate::container::engine::ImageInfo;
use crate::engine::ENGINES;
use crate::runtime::{Lack, Refusal};

/// The fewest digits of an image's id that stand for it.
const MIN_ID_DIGITS: usize = 12;

/// Of an image's own `PATH`, so many directories count, and none with a longer name.
const MAX_DIRECTORIES: usize = 32;
const MAX_DIRECTORY_BYTES: usize = 256;

/// Where programs of a sandbox may write, or where nothing is a program of the image's.
const NO_PROGRAMS: [&str; 7] = [WORKSPACE, CODE, "/tmp", "/dev", "/proc", "/sys", delivery::DIRECTORY];

/// An image that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    /// As it was asked for.
    pub(super) name: String,
    /// What tells its contents from all others.
    pub(super) id: String,
}

/// The image that was named, else that of the engine, else that of the first engine for which there is one.
pub(super) fn choose(
    settings: &DockerSettings,
    images: &[ImageInfo],
    engine: Option<&'static str>,
    image: Option<&str>,
) -> Result<Choice, Refusal> {
    let chosen = |name: &str| {
        let found = images.iter().find(|image| is_called(image, name));
        found.map(|image| Choice { id: image.id.clone(), name: name.to_owned() })
    };
    let missing = |reason, fix| Refusal { lack: Lack::Image, reason, fix: Some(fix) };
    match (image, engine) {
        (Some(name), _) => {
            let fix = || format!("codebeaker image pull {name}");
            chosen(name).ok_or_else(|| missing(format!("there is no image {name}"), fix()))
        }
        (None, Some(engine)) => {
            let name = settings.image_of(engine);
            chosen(&name).ok_or_else(|| {
                let is_ours = name == DockerSettings::default().image_of(engine);
                let fix = if is_ours { format!("build {engine}") } else { format!("pull {name}") };
                missing(format!("there is no image {name}"), format!("codebeaker image {fix}"))
            })
        }
        (None, None) => ENGINES.iter().find_map(|engine| chosen(&settings.image_of(engine.id))).ok_or_else(|| {
            missing("there is no image of any engine".to_owned(), "codebeaker image build python".to_owned())
        }),
    }
}

/// The directories of an image's own `PATH` that programs may be taken from: absolute ones, in which nothing can be
/// put by what runs in a sandbox.
pub(super) fn own_directories(path: &str) -> Vec<String> {
    let may_be = |directory: &str| {
        let is_plain = directory.starts_with('/')
            && directory.len() <= MAX_DIRECTORY_BYTES
            && !directory.split('/').any(|name| name == "..")
            && !directory.chars().any(char::is_control);
        let is_below = |place: &str| Path::new(directory).starts_with(place);
        is_plain && !NO_PROGRAMS.iter().any(|place| is_below(place))
    };
    let mut own: Vec<String> = Vec::new();
    for directory in path.split(':').map(|directory| directory.trim_end_matches('/')) {
        let is_known = own.iter().any(|known| known == directory);
        if may_be(directory) && !is_known && own.len() < MAX_DIRECTORIES {
            own.push(directory.to_owned());
        }
    }
    own
}

/// Whether an image goes by this name, or has this id.
fn is_called(image: &ImageInfo, name: &str) -> bool {
    let digits = name.strip_prefix("sha256:").unwrap_or(name);
    let is_id = digits.len() >= MIN_ID_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = image.id.strip_prefix("sha256:").unwrap_or(&image.id);
    (is_id && id.starts_with(digits)) || image.tags.iter().any(|tag| in_full(tag) == in_full(name))
}

/// A name as Docker completes it.
fn in_full(name: &str) -> String {
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    let name = name.strip_prefix("library/").unwrap_or(name);
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains(':') { name.to_owned() } else { format!("{name}:latest") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images() -> Vec<ImageInfo> {
        let image = |id: &str, tags: &[&str]| ImageInfo {
            id: format!("sha256:{id}"),
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
            ..ImageInfo::default()
        };
        let node = image("0123456789abcdef", &["codebeaker/node:latest"]);
        vec![node, image("fedcba9876543210", &["python:3.12", "debian:latest"])]
    }

    fn chosen(engine: Option<&'static str>, image: Option<&str>) -> Result<String, Refusal> {
        choose(&DockerSettings::default(), &images(), engine, image).map(|choice| choice.id)
    }

    #[test]
    fn an_image_is_found_by_any_of_its_names() {
        for name in ["debian", "library/debian", "docker.io/library/debian:latest", "python:3.12", "fedcba987654"] {
            assert_eq!(chosen(Some("node"), Some(name)).as_deref(), Ok("sha256:fedcba9876543210"), "{name}");
        }
        for name in ["python", "debian:12", "fedcba98765", "fedcba987655", "example.com/debian", "node"] {
            assert_eq!(chosen(Some("node"), Some(name)).map_err(|refusal| refusal.lack), Err(Lack::Image), "{name}");
        }
    }

    #[test]
    fn of_a_path_only_directories_count_that_a_sandbox_cant_change() {
        let path = "/opt/venv/bin/:/usr/bin::.:bin:/workspace/bin:/tmp:/opt/../tmp:/opt/venv/bin:/proc/self/cwd:/a\n";
        assert_eq!(own_directories(path), ["/opt/venv/bin", "/usr/bin"]);
        assert!(own_directories("").is_empty());
        assert!(own_directories(&format!("/{}", "x".repeat(300))).is_empty());
    }

    #[test]
    fn without_a_name_it_is_that_of_the_engine_or_of_the_first_that_has_one() {
        assert_eq!(chosen(Some("node"), None).as_deref(), Ok("sha256:0123456789abcdef"));
        assert_eq!(chosen(None, None).as_deref(), Ok("sha256:0123456789abcdef"));
        let refusal = chosen(Some("python"), None).unwrap_err();
        assert_eq!(refusal.fix.as_deref(), Some("codebeaker image build python"));
        let mut settings = DockerSettings::default();
        settings.images.insert("python".to_owned(), "python:3.13".to_owned());
        let refusal = choose(&settings, &images(), Some("python"), None).unwrap_err();
        assert_eq!(refusal.fix.as_deref(), Some("codebeaker image pull python:3.13"));
    }
}
