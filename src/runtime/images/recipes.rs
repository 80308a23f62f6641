//! The Dockerfiles that come along, one for each engine.

/// What a Dockerfile's line with the default base begins with.
const BASE: &str = "ARG BASE=";

/// By engine id.
const RECIPES: &[(&str, &str)] = &[
    ("python", include_str!("../../../images/python/Dockerfile")),
    ("node", include_str!("../../../images/node/Dockerfile")),
    ("deno", include_str!("../../../images/deno/Dockerfile")),
    ("bash", include_str!("../../../images/bash/Dockerfile")),
    ("bun", include_str!("../../../images/bun/Dockerfile")),
    ("ruby", include_str!("../../../images/ruby/Dockerfile")),
    ("go", include_str!("../../../images/go/Dockerfile")),
    ("c", include_str!("../../../images/c/Dockerfile")),
    ("cpp", include_str!("../../../images/cpp/Dockerfile")),
    ("rust", include_str!("../../../images/rust/Dockerfile")),
    ("csharp", include_str!("../../../images/csharp/Dockerfile")),
];

/// The Dockerfile of an engine.
pub(super) fn of(engine: &str) -> Option<&'static str> {
    RECIPES.iter().find(|(id, _)| *id == engine).map(|(_, dockerfile)| *dockerfile)
}

/// The image that a Dockerfile begins with when no other is named.
pub(super) fn base(dockerfile: &str) -> Option<&str> {
    dockerfile.lines().find_map(|line| line.strip_prefix(BASE)).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ENGINES;

    #[test]
    fn every_engine_has_a_dockerfile_with_a_base_that_stays_the_same() {
        for engine in ENGINES {
            let dockerfile = of(engine.id).unwrap_or_else(|| panic!("{} has none", engine.id));
            let base = base(dockerfile).unwrap_or_else(|| panic!("{} has no base", engine.id));
            let tag = base.rsplit_once(':').map(|(_, tag)| tag);
            assert!(tag.is_some_and(|tag| tag != "latest" && !tag.is_empty()), "{}: {base}", engine.id);
            assert!(dockerfile.contains("USER 1000:1000"), "{}", engine.id);
        }
    }
}
