select
    id as campaign_id,
    web_id,
    type as campaign_type,
    status,
    {{ mailchimp.json_text("recipients", "list_id") }} as list_id,
    {{ mailchimp.json_text("settings", "title") }} as title,
    {{ mailchimp.json_text("settings", "subject_line") }} as subject_line,
    {{ mailchimp.json_text("settings", "from_name") }} as from_name,
    {{ mailchimp.json_text("settings", "folder_id") }} as folder_id,
    content_type,
    archive_url,
    create_time as created_at,
    send_time as sent_at
from {{ source("mailchimp", "campaigns") }}
