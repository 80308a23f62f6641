//! What a hostile debuggee, or a careless client, does not achieve.
