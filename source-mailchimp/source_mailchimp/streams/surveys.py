"""Surveys with their questions, answers and respondents."""

from __future__ import annotations

from source_mailchimp.stream import Paging, Stream

FAMILY = "Surveys"

SURVEYS = Stream("surveys", "reporting/surveys", items="surveys", key=("id",), family=FAMILY, tells_deletions=True)

SURVEY_QUESTIONS = Stream(
    "survey_questions",
    "reporting/surveys/{survey_id}/questions",
    items="questions",
    key=("survey_id", "id"),
    parent=SURVEYS,
    paging=Paging.NONE,
    family=FAMILY,
)

SURVEY_ANSWERS = Stream(
    "survey_answers",
    "reporting/surveys/{survey_id}/questions/{question_id}/answers",
    items="answers",
    key=("survey_id", "question_id", "id"),
    parent=SURVEY_QUESTIONS,
    paging=Paging.NONE,
    family=FAMILY,
)

SURVEY_RESPONSES = Stream(
    "survey_responses",
    "reporting/surveys/{survey_id}/responses",
    items="responses",
    key=("survey_id", "response_id"),
    parent=SURVEYS,
    paging=Paging.NONE,
    family=FAMILY,
)

TABLE = (SURVEYS, SURVEY_QUESTIONS, SURVEY_ANSWERS, SURVEY_RESPONSES)
