//! What may be read from outside the commit, and the error for each breach.
