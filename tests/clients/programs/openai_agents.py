import os
import sys

from agents import Agent, Runner, function_tool

os.environ["OPENAI_BASE_URL"] = sys.argv[1] + "/v1"
os.environ["OPENAI_API_KEY"] = "k"
os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"


@function_tool
def weather(city: str) -> str:
    """Tell the weather."""
    return f"rain in {city}"


agent = Agent(name="a", instructions="Be brief.", model="gpt-4o-mini", tools=[weather])
print(Runner.run_sync(agent, "What is the weather?").final_output)
