"""An echo bot on aiogram: echo_aiogram.py <url> <token>."""

import asyncio
import logging
import sys

from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import BotCommand, BufferedInputFile, Message

dispatcher = Dispatcher()


@dispatcher.message()
async def echo(message: Message) -> None:
    answer = await message.reply("…")
    await answer.edit_text(f"done {message.text}")
    await message.answer_document(BufferedInputFile(b"milk", filename="notes.txt"), caption="notes")


async def main(url: str, token: str) -> None:
    bot = Bot(token, session=AiohttpSession(api=TelegramAPIServer.from_base(url)))
    await bot.set_my_commands([BotCommand(command="stop", description="Stop")])
    await dispatcher.start_polling(bot, handle_signals=False)


logging.basicConfig(level=logging.INFO)
asyncio.run(main(*sys.argv[1:]))
