// An echo bot on grammY: echo_grammy.cjs <url> <token>.

const { Bot, InputFile } = require("grammy");

const [url, token] = process.argv.slice(2);
const bot = new Bot(token, { client: { apiRoot: url } });

bot.on("message", async (ctx) => {
  const answer = await ctx.reply("…", { reply_parameters: { message_id: ctx.msg.message_id } });
  await ctx.api.editMessageText(ctx.chat.id, answer.message_id, `done ${ctx.msg.text}`);
  await ctx.replyWithDocument(new InputFile(Buffer.from("milk"), "notes.txt"), { caption: "notes" });
});

(async () => {
  await bot.api.setMyCommands([{ command: "stop", description: "Stop" }]);
  await bot.start();
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
