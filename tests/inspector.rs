//! The debugger for Node, against a real Node that the test starts, on a ground of the test's own.

#[path = "inspector/children.rs"]
mod children;
#[path = "inspector/ground.rs"]
mod ground;
#[path = "inspector/mapped.rs"]
mod mapped;
#[allow(dead_code, reason = "not every test binary skips for every reason")]
#[path = "harness/skip.rs"]
mod skip;
#[path = "inspector/stops.rs"]
mod stops;
#[path = "inspector/values.rs"]
mod values;
