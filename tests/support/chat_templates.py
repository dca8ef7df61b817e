"""Chat templates of the shapes that instruct models come with, written for the tests."""

from collections.abc import Iterable

from tweetstyle.prompt.chat_template import Turn

CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are helpful<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""It puts in a system message of its own where there is none."""
HEADERS = (
    "{% for message in messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'"
    "+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}"
    "{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
"""It writes the BOS, and trims."""
DATED = (
    "{{- bos_token }}\n{%- if not date_string is defined %}\n    {%- if strftime_now is defined %}\n"
    '        {%- set date_string = strftime_now("%d %b %Y") %}\n    {%- else %}\n        {%- set date_string = "26 Jul 2024" %}\n'
    "    {%- endif %}\n{%- endif %}\n"
    "{%- if messages[0]['role'] == 'system' %}\n    {%- set own = messages[0]['content']|trim %}\n    {%- set messages = messages[1:] %}\n"
    '{%- else %}\n    {%- set own = "" %}\n{%- endif %}\n'
    '{{- "<|start_header_id|>system<|end_header_id|>\\n\\nToday: " + date_string + "\\n\\n" + own + "<|eot_id|>" }}\n'
    "{%- for message in messages %}\n    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}"
    "{{- message['content'] | trim + '<|eot_id|>' }}\n{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}\n{%- endif %}\n"
)
"""A system message always, with the day in it."""
BARE = (
    "{{ bos_token }}{% for message in messages %}{% if message.role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{{ '<|' + message.role + '|>' + message.content + eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
"""No place for a system message."""
INST = (
    "{% for message in messages %}{% if message.role == 'user' %}{{ bos_token + '[INST] ' + message.content + ' [/INST]' }}"
    "{% else %}{{ ' ' + message.content + ' ' + eos_token }}{% endif %}{% endfor %}"
)
"""Answers with spaces that a prompt does not ask for."""


CHANGING = (
    " | upper", " | lower", " | title", " | capitalize", " | replace('é', 'e')", " | replace('\\n', ' ')", " | replace('  ', ' ')",
    "[:1000]", ".split() | join(' ')", " | escape", " | striptags", " | urlencode", " | indent", " | wordwrap(60)", " | truncate(100)",
    " | tojson", " | reverse",
    *(f" | replace('{character}', '-')" for character in "’‘“”…«»–—•œ€\u00a0\u202f"),
)  # fmt: skip
"""What a template may do to a message that no TEMPLATE of Ollama can do."""


def changing(filter: str, role: str) -> str:
    """A ChatML template that puts what `role` says through a filter of Jinja."""
    content = f"(message['content']{filter} if message['role'] == '{role}' else message['content'])"
    return CHATML.replace("message['content']", content)


def messages(said: Iterable[Turn], message: str | None = None, system: str | None = None) -> list[dict[str, str]]:
    """A conversation as chat templates take it, with the message that waits for its answer."""
    found = [{"role": "system", "content": system}] if system else []
    for asked, answer in said:
        found += [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
    return found + ([{"role": "user", "content": message}] if message is not None else [])
