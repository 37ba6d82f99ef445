import sys

from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.prebuilt import create_react_agent


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    return f"rain in {city}"


model = ChatOpenAI(model="m", base_url=sys.argv[1] + "/v1", api_key="k")
agent = create_react_agent(model, [weather])
print(agent.invoke({"messages": [("user", "What is the weather?")]})["messages"][-1].content)
print("".join(piece.content for piece in model.stream("hi")))
