-- One row for each classic automation, with its rates.
select
    automations.*,
    {{ mailchimp.rate("unique_opens", "emails_sent") }} as open_rate,
    {{ mailchimp.rate("unique_clicks", "emails_sent") }} as click_rate
from {{ ref("stg_mailchimp__automations") }} as automations
