//! Where files are on a homeserver, and who may ask for them.
//! <https://spec.matrix.org/v1.16/client-server-api/#content-repository>

use matrix_sdk::ruma::{MxcUri, OwnedMxcUri};
use reqwest_012::RequestBuilder;

use super::Link;

/// Where a file is.
pub(super) struct Media {
    server: String,
    id: String,
}

impl Media {
    /// Reads `mxc://server/id`; `None` for anything else.
    pub(super) fn read(uri: &str) -> Option<Self> {
        let uri = OwnedMxcUri::from(uri);
        let (server, id) = MxcUri::parts(&uri).ok()?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        id.chars().all(is_plain).then(|| Self { server: server.to_string(), id: id.to_owned() })
    }

    /// Asks our own homeserver for it, as ourselves.
    pub(super) fn download(&self, link: &Link, token: Option<String>) -> RequestBuilder {
        let path = format!("_matrix/client/v1/media/download/{}/{}", self.server, self.id);
        authorized(token, link.http.get(url(link, &path)))
    }

    /// The same, of homeservers that do not know that yet.
    pub(super) fn download_openly(&self, link: &Link) -> RequestBuilder {
        link.http.get(url(link, &format!("_matrix/media/v3/download/{}/{}", self.server, self.id)))
    }
}

/// <https://spec.matrix.org/v1.16/client-server-api/#post_matrixmediav3upload>
pub(super) fn upload(link: &Link, token: Option<String>) -> RequestBuilder {
    authorized(token, link.http.post(url(link, "_matrix/media/v3/upload")))
}

fn url(link: &Link, path: &str) -> String {
    format!("{}/{path}", link.settings.homeserver.trim_end_matches('/'))
}

fn authorized(token: Option<String>, request: RequestBuilder) -> RequestBuilder {
    match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_files_are_read() {
        assert!(Media::read("mxc://example.org:8448/a_B-9").is_some());
        for other in
            ["https://example.org/a", "mxc://example.org", "mxc://example.org/a/../b", "mxc://a b/c", "mxc://a/b?c"]
        {
            assert!(Media::read(other).is_none(), "{other}");
        }
    }
}
