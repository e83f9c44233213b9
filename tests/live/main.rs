//! Live tests against real servers that the run starts by itself.
