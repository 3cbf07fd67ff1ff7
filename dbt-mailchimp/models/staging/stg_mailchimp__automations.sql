select
    id as automation_id,
    {{ mailchimp.json_text("recipients", "list_id") }} as list_id,
    {{ mailchimp.json_text("settings", "title") }} as title,
    {{ mailchimp.json_text("trigger_settings", "workflow_type") }} as workflow_type,
    status,
    emails_sent,
    {{ mailchimp.json_count("report_summary", "unique_opens") }} as unique_opens,
    {{ mailchimp.json_count("report_summary", "subscriber_clicks") }} as unique_clicks,
    create_time as created_at,
    start_time as started_at
from {{ source("mailchimp", "automations") }}
