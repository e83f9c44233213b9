//! URLs of chart repositories. PURE.

use crate::words::percent::percent_decoded;

/// A reference of an index against the URL of its repository, which counts as a directory; a query of the repository is kept.
pub fn join(repository: &str, reference: &str) -> String {
    if reference.contains("://") {
        return reference.to_owned();
    }
    let (bare, query) = repository.split_once('?').map_or((repository, None), |(bare, query)| (bare, Some(query)));
    let joined = crate::net::resolve(&format!("{}/", bare.trim_end_matches('/')), reference);
    let straight = without_dots(&joined);
    query.map_or(straight.clone(), |query| format!("{straight}?{query}"))
}

/// Resolves `.` and `..` in the path.
fn without_dots(url: &str) -> String {
    let start = crate::net::origin(url).len();
    let mut parts: Vec<&str> = Vec::new();
    for part in url[start..].split('/').skip(1) {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("{}/{}", &url[..start], parts.join("/"))
}

/// Whether two URLs name the same repository: a slash at the end makes no difference.
pub fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

/// The last part of the path.
pub fn file_name(url: &str) -> &str {
    let bare = url.split(['?', '#']).next().unwrap_or_default();
    bare.rsplit('/').next().unwrap_or_default()
}

/// Takes user and password out of a URL. They are percent-encoded there.
pub fn split_login(url: &str) -> (String, Option<(String, String)>) {
    let Some((scheme, rest)) = url.split_once("://") else { return (url.to_owned(), None) };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rsplit_once('@') {
        None => (url.to_owned(), None),
        Some((login, host)) => {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            (format!("{scheme}://{host}{}", &rest[end..]), Some((percent_decoded(user), percent_decoded(password))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_join_their_repository() {
        for (repository, reference, expected) in [
            ("http://h/charts", "a-1.tgz", "http://h/charts/a-1.tgz"),
            ("http://h/charts/", "sub/a-1.tgz", "http://h/charts/sub/a-1.tgz"),
            ("http://h/charts", "../files/./a-1.tgz", "http://h/files/a-1.tgz"),
            ("http://h/charts", "/a-1.tgz", "http://h/a-1.tgz"),
            ("http://h/charts?key=1", "a-1.tgz", "http://h/charts/a-1.tgz?key=1"),
            ("http://h", "https://else.where/a-1.tgz", "https://else.where/a-1.tgz"),
            ("http://h", "index.yaml", "http://h/index.yaml"),
        ] {
            assert_eq!(join(repository, reference), expected);
        }
    }

    #[test]
    fn logins_leave_the_url() {
        assert_eq!(split_login("https://me:p%40ss@h:1/a@b"), ("https://h:1/a@b".into(), Some(("me".into(), "p@ss".into()))));
        assert_eq!(split_login("https://h/a@b"), ("https://h/a@b".into(), None));
        assert_eq!(file_name("https://h/charts/a-1.tgz?x=/y"), "a-1.tgz");
    }
}
