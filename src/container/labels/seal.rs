//! Which labels of a container are those that we gave it.
//!
//! An engine gives every container its image's labels as well, and whoever makes an image may put there what they
//! like: the name of a session that was never ours, or, in an image that was made of a container of ours, all that
//! we had written on that. So a container's own name, which no image can know, is written down together with the
//! names of the labels that are ours. What the seal doesn't name is nobody's word.

use std::collections::BTreeMap;

/// The container's name, and the names of its labels without [`PREFIX`], with a space between any two.
pub(in crate::container) const SEAL: &str = "codebeaker.seal";

/// What the names of all our labels begin with.
const PREFIX: &str = "codebeaker.";

/// The seal of a container of this name with these labels. No other has it.
pub(in crate::container) fn seal(name: &str, labels: &BTreeMap<String, String>) -> String {
    let own = labels.keys().filter_map(|label| label.strip_prefix(PREFIX));
    std::iter::once(name).chain(own).collect::<Vec<_>>().join(" ")
}

/// These labels for a container of this name, sealed.
pub(in crate::container) fn sealed(name: &str, labels: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    labels.clone().into_iter().chain([(SEAL.to_owned(), seal(name, labels))]).collect()
}

/// The labels that a container of this name has, without those in our words that we have not written.
pub(in crate::container) fn believed(name: &str, mut labels: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let seal = labels.remove(SEAL).unwrap_or_default();
    let mut words = seal.split(' ');
    // One whose removal was broken off may have lost its name, and belongs to nobody any more.
    let is_its_own = words.next().is_some_and(|sealed| name.is_empty() || name == sealed);
    let ours: Vec<&str> = if is_its_own { words.collect() } else { Vec::new() };
    labels.retain(|label, _| label.strip_prefix(PREFIX).is_none_or(|own| ours.contains(&own)));
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(names: &[&str]) -> BTreeMap<String, String> {
        names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect()
    }

    #[test]
    fn what_an_image_says_in_our_words_is_not_believed() {
        let own = labels(&["codebeaker.owner", "codebeaker.managed", "other"]);
        let mut shown = labels(&["codebeaker.session", "codebeaker.seal", "its"]);
        shown.extend(sealed("one", &own));
        assert_eq!(believed("one", shown.clone()), labels(&["codebeaker.owner", "codebeaker.managed", "other", "its"]));
        // One that was made of an image that was made of the first.
        assert_eq!(believed("two", shown.clone()), labels(&["other", "its"]));
        assert_eq!(believed("", shown), labels(&["codebeaker.owner", "codebeaker.managed", "other", "its"]));
        assert_eq!(believed("", labels(&["codebeaker.owner"])), labels(&[]));
    }
}
