//! Routes that never match, because an earlier one takes everything they would.

use crate::config::{
    problem::Findings,
    tree::{Node, Value},
};

const MATCHERS: [&str; 3] = ["account", "conversation", "sender"];

pub(super) fn check(root: &Node, findings: &mut Findings) {
    let routes = root.get("routes").map(Node::items).unwrap_or_default();
    for (index, route) in routes.iter().enumerate() {
        let is_route = |route: &Node| matches!(route.value, Value::Map(_));
        let earlier = routes[..index].iter().position(|earlier| is_route(earlier) && covers(earlier, route));
        if let (Some(earlier), true) = (earlier, is_route(route)) {
            let text = format!(
                "routes[{index}]: never matches, because routes[{earlier}] takes everything it would; put it first or \
                 remove it"
            );
            findings.warning(Some(route.mark), text);
        }
    }
}

/// Whether whatever `later` matches is matched by `earlier` too.
fn covers(earlier: &Node, later: &Node) -> bool {
    MATCHERS.into_iter().all(|matcher| match (earlier.get(matcher), later.get(matcher)) {
        (None, _) => true,
        (Some(earlier), Some(later)) => earlier.to_json() == later.to_json(),
        (Some(_), None) => false,
    })
}
