//! Conduits against an agent that the test plays.
