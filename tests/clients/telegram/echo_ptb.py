"""An echo bot on python-telegram-bot: echo_ptb.py <url> <token>."""

import logging
import sys

from telegram import BotCommand, Update
from telegram.ext import Application, ContextTypes, MessageHandler, filters


async def echo(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    answer = await update.message.reply_text("…", do_quote=True)
    await answer.edit_text(f"done {update.message.text}")
    await update.message.reply_document(b"milk", filename="notes.txt", caption="notes")


async def started(application: Application) -> None:
    await application.bot.set_my_commands([BotCommand("stop", "Stop")])


logging.basicConfig(level=logging.INFO)
url, token = sys.argv[1:]
builder = Application.builder().token(token).base_url(f"{url}/bot").base_file_url(f"{url}/file/bot")
application = builder.post_init(started).build()
application.add_handler(MessageHandler(filters.ALL, echo))
application.run_polling(timeout=20)
