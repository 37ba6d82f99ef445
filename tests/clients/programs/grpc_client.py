import sys
from urllib.parse import urlsplit

import grpc

place = urlsplit(sys.argv[1]).netloc
with grpc.secure_channel(place, grpc.ssl_channel_credentials()) as channel:
    same = {"request_serializer": bytes, "response_deserializer": bytes}
    print(channel.unary_unary("/aegis.test.Echo/Unary", **same)(b"hello", timeout=10).decode())
    said = channel.unary_stream("/aegis.test.Echo/ServerStream", **same)(b"again", timeout=10)
    print(" ".join(part.decode() for part in said))
