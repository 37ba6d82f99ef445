import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="k")
ask = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
print(client.chat.completions.create(**ask).choices[0].message.content)
chunks = client.chat.completions.create(**ask, stream=True)
print("".join(c.choices[0].delta.content or "" for c in chunks if c.choices))
print(client.responses.create(model="m", input="hi").output_text)
