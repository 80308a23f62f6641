//! Bytes to and from programs: nothing lost, nothing in the way of control, nothing without credit.
