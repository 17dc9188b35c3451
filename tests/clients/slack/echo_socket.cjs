// An echo bot on @slack/socket-mode and @slack/web-api: echo_socket.cjs <url> <app token> <bot token>.

const { SocketModeClient } = require("@slack/socket-mode");
const { WebClient } = require("@slack/web-api");

const [url, appToken, token] = process.argv.slice(2);
const clientOptions = { slackApiUrl: `${url}/api/` };
const socket = new SocketModeClient({ appToken, clientOptions });
const web = new WebClient(token, clientOptions);

socket.on("message", async ({ ack }) => ack());
socket.on("app_mention", async ({ event, ack }) => {
  await ack();
  const words = event.text.split("> ").slice(1).join("> ");
  const answer = await web.chat.postMessage({ channel: event.channel, thread_ts: event.ts, text: "…" });
  // Blocks go out as JSON within a form.
  const blocks = [{ type: "section", text: { type: "mrkdwn", text: `*done* ${words}` } }];
  await web.chat.update({ channel: event.channel, ts: answer.ts, text: `done ${words}`, blocks });
  const file = { filename: "notes.txt", file: Buffer.from("milk"), initial_comment: "notes" };
  await web.filesUploadV2({ channel_id: event.channel, thread_ts: event.ts, ...file });
});

socket.start().catch((error) => {
  console.error(error);
  process.exit(1);
});
