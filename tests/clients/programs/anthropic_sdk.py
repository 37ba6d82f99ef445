import sys

import anthropic

client = anthropic.Anthropic(base_url=sys.argv[1], api_key="k")
ask = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
print(client.messages.create(**ask).content[0].text)
with client.messages.stream(**ask) as stream:
    print("".join(stream.text_stream))
