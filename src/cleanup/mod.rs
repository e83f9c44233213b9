//! Published images, Git history and cluster use become what is kept and what is deleted, each with its reason.
