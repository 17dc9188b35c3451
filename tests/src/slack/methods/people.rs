//! Who there is: people, bots, the workspace.

use serde_json::{Value, json};

use super::{Call, metadata, page};
use crate::slack::errors::{Answer, Refusal};

impl Call<'_> {
    /// <https://docs.slack.dev/reference/methods/users.info>
    pub(super) fn user_info(self) -> Answer {
        let shown = self.network.user_shown(&self.args.text("user"));
        let shown = shown.filter(|user| user["team_id"] == self.me.team.as_str());
        Ok(json!({ "user": shown.ok_or_else(|| Refusal::new("user_not_found"))? }))
    }

    /// <https://docs.slack.dev/reference/methods/users.list>
    pub(super) fn users(self) -> Answer {
        let people = self.network.people.values().map(|person| &person.id);
        let bots = self.network.installs.iter().map(|install| &install.user);
        let shown = people.chain(bots).filter_map(|id| self.network.user_shown(id));
        let mine: Vec<Value> = shown.filter(|user| user["team_id"] == self.me.team.as_str()).collect();
        let (members, next) = page(mine, self.args, 1_000, 1_000)?;
        Ok(json!({ "members": members, "cache_ts": self.network.date(), "response_metadata": metadata(next) }))
    }

    /// <https://docs.slack.dev/reference/methods/bots.info>
    pub(super) fn bot_info(self) -> Answer {
        let id = self.args.given("bot").unwrap_or_else(|| self.me.bot.clone());
        let mut installs = self.network.installs.iter();
        let found = installs.find(|install| install.bot == id && install.team == self.me.team);
        let found = found.ok_or_else(|| Refusal::new("bot_not_found"))?;
        Ok(json!({ "bot": { "id": found.bot, "deleted": false, "name": found.name, "updated": 1_700_000_000,
                            "app_id": found.app, "user_id": found.user, "icons": {} } }))
    }

    /// <https://docs.slack.dev/reference/methods/team.info>
    pub(super) fn team_info(self) -> Answer {
        let id = self.args.given("team").unwrap_or_else(|| self.me.team.clone());
        if id != self.me.team {
            return Err(Refusal::new("team_not_found"));
        }
        let name = self.network.workspace_name(&id);
        let domain = name.to_lowercase();
        Ok(json!({ "team": { "id": id, "name": name, "domain": domain, "email_domain": "", "icon": {},
                             "url": format!("{}/", self.network.base) } }))
    }
}
