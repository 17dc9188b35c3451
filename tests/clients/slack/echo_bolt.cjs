// An echo bot on Bolt for JavaScript: echo_bolt.cjs <url> <app token> <bot token>.

const { App } = require("@slack/bolt");

const [url, appToken, token] = process.argv.slice(2);
const app = new App({ token, appToken, socketMode: true, clientOptions: { slackApiUrl: `${url}/api/` } });

app.event("app_mention", async ({ event, say, client }) => {
  const words = event.text.split("> ").slice(1).join("> ");
  const answer = await say({ text: "…", thread_ts: event.ts });
  await client.chat.update({ channel: event.channel, ts: answer.ts, text: `done ${words}` });
  const file = { filename: "notes.txt", file: Buffer.from("milk"), initial_comment: "notes" };
  await client.filesUploadV2({ channel_id: event.channel, thread_ts: event.ts, ...file });
});
app.event("message", async () => {});
app.error(async (error) => console.error(error));

app.start().catch((error) => {
  console.error(error);
  process.exit(1);
});
