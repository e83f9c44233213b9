//! What a Dockerfile depends on, stage by stage.
