import sys

from google import genai

client = genai.Client(api_key="k", http_options={"base_url": sys.argv[1]})
print(client.models.generate_content(model="m", contents="hi").text)
pieces = client.models.generate_content_stream(model="m", contents="hi")
print("".join(piece.text or "" for piece in pieces))
