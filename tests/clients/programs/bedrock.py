import json
import sys

import boto3

client = boto3.client(
    "bedrock-runtime",
    endpoint_url=sys.argv[1],
    region_name="eu-west-1",
    aws_access_key_id="AKIDEXAMPLE",
    aws_secret_access_key="example",
)
ask = {"modelId": "m", "messages": [{"role": "user", "content": [{"text": "hi"}]}]}
print(client.converse(**ask)["output"]["message"]["content"][0]["text"])
stream = client.converse_stream(**ask)["stream"]
print("".join(e["contentBlockDelta"]["delta"]["text"] for e in stream if "contentBlockDelta" in e))
body = json.dumps({"prompt": "hi"})
print(json.loads(client.invoke_model(modelId="m", body=body)["body"].read())["completion"])
stream = client.invoke_model_with_response_stream(modelId="m", body=body)["body"]
print("".join(json.loads(event["chunk"]["bytes"])["text"] for event in stream))
